// Package filetest makes what tests of data sets read: pictures, sounds, archives and folders of them.
package filetest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// Red and White are colours of pictures.
var Red, White = color.NRGBA{200, 30, 60, 255}, color.NRGBA{255, 255, 255, 255}

// Picture is h x w pixels of one colour.
func Picture(h, w int, c color.Color, grey bool) image.Image {
	var m interface {
		image.Image
		Set(x, y int, c color.Color)
	} = image.NewNRGBA(image.Rect(0, 0, w, h))
	if grey {
		m = image.NewGray(image.Rect(0, 0, w, h))
	}
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return m
}

// Encoded is the picture as a file with the extension of name.
func Encoded(t testing.TB, name string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch filepath.Ext(name) {
	case ".png":
		err = png.Encode(&b, m)
	case ".jpg", ".jpeg", ".JPG":
		err = jpeg.Encode(&b, m, nil)
	case ".gif":
		err = gif.Encode(&b, m, nil)
	case ".bmp":
		err = bmp.Encode(&b, m)
	case ".tiff":
		err = tiff.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Noisy is h x w pixels that differ by seed.
func Noisy(h, w, seed int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for i := range m.Pix {
		m.Pix[i] = byte(r.IntN(256))
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

// HugePNG is a valid header of 60000 x 60000 pixels with nothing behind it.
func HugePNG() []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
}

// Stripes is a grey mask whose columns are 0 up to at, then v.
func Stripes(h, w, at int, v uint8) image.Image {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := at; x < w; x++ {
			m.SetGray(x, y, color.Gray{v})
		}
	}
	return m
}

// Deep is a picture whose samples of 16 bits count up from first, as a type of the library.
func Deep(h, w, first, step int, as string) image.Image {
	at := func(x, y int) uint16 { return uint16(first + step*(y*w+x)) }
	r := image.Rect(0, 0, w, h)
	grey, colour, premultiplied := image.NewGray16(r), image.NewNRGBA64(r), image.NewRGBA64(r)
	for y := range h {
		for x := range w {
			v := at(x, y)
			grey.SetGray16(x, y, color.Gray16{Y: v})
			colour.SetNRGBA64(x, y, color.NRGBA64{R: v, G: v / 2, B: 0, A: 0xffff})
			premultiplied.SetRGBA64(x, y, color.RGBA64{R: v / 4, G: v / 4, B: v / 4, A: 0x4000})
		}
	}
	switch as {
	case "grey":
		return grey
	case "colour":
		return colour
	}
	return premultiplied
}

// VOC is the palette of PASCAL VOC, in which 1 and 16, and 3 and 18, have the same luma; the last colour outlines.
func VOC() color.Palette {
	p := make(color.Palette, 256)
	for i := range p {
		c := color.NRGBA{A: 255}
		for k, v := 0, i; k < 8; k, v = k+1, v>>3 {
			c.R, c.G, c.B = c.R|uint8(v&1)<<(7-k), c.G|uint8(v>>1&1)<<(7-k), c.B|uint8(v>>2&1)<<(7-k)
		}
		p[i] = c
	}
	return p
}

// Paletted is a row of pixels by their indices.
func Paletted(p color.Palette, indices ...byte) image.Image {
	m := image.NewPaletted(image.Rect(0, 0, len(indices), 1), p)
	copy(m.Pix, indices)
	return m
}
