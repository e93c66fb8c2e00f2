package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"

	"selfsup/datasets"
)

// fill copies an image of any type that the decoders return, but YCbCr, to dst, which has its size and 1 channel or 3.
// Of a grey image with alpha it takes red, which equals green and blue. Samples of 16 bits become bytes as deep says.
func fill(dst *datasets.Image, src image.Image, deep depth) error {
	switch m := src.(type) {
	case *image.Gray:
		return spread(dst, m.Pix, m.Stride, 1)
	case *image.Gray16:
		return deep.spread(dst, m.Pix, m.Stride, 2)
	case *image.NRGBA:
		return spread(dst, m.Pix, m.Stride, 4)
	case *image.NRGBA64:
		return deep.spread(dst, m.Pix, m.Stride, 8)
	case *image.RGBA:
		defer unmultiply(dst, m)
		return spread(dst, m.Pix, m.Stride, 4)
	case *image.RGBA64:
		defer unmultiply64(dst, m, deep)
		return deep.spread(dst, m.Pix, m.Stride, 8)
	case *image.Paletted:
		return indexed(dst, m, flatten(m.Palette))
	case *image.CMYK:
		return cmyk(dst, m)
	}
	return fmt.Errorf("the decoder returned a %T", src)
}

// spread takes the first C samples of pixels of so many bytes.
func spread(dst *datasets.Image, pix []byte, stride, pixel int) error {
	w, c := dst.W, dst.C
	if c > pixel {
		return fmt.Errorf("%d bytes a pixel, want %d samples", pixel, c)
	}
	for y := range dst.H {
		to, from := dst.Pix[y*w*c:(y+1)*w*c], pix[y*stride:y*stride+w*pixel]
		switch {
		case c == 3:
			for len(to) >= 3 {
				to[0], to[1], to[2] = from[0], from[1], from[2]
				to, from = to[3:], from[pixel:]
			}
		case pixel == 1:
			copy(to, from)
		default:
			for x := range to {
				to[x] = from[x*pixel]
			}
		}
	}
	return nil
}

// unmultiply divides by alpha what dst took of m, as PIL's RGBa does; where alpha is 0 the colour is gone, and stays
// black.
func unmultiply(dst *datasets.Image, m *image.RGBA) {
	if m.Opaque() {
		return
	}
	w, c := dst.W, dst.C
	for i := range dst.H * w {
		if a := int(m.Pix[i/w*m.Stride+i%w*4+3]); a != 0 {
			for k := range c {
				dst.Pix[i*c+k] = byte(min(int(dst.Pix[i*c+k])*255/a, 255))
			}
		}
	}
}

func unmultiply64(dst *datasets.Image, m *image.RGBA64, deep depth) {
	if m.Opaque() {
		return
	}
	w, c := dst.W, dst.C
	for i := range dst.H * w {
		p := m.Pix[i/w*m.Stride+i%w*8:]
		if a := uint32(binary.BigEndian.Uint16(p[6:])); a != 0 {
			for k := range c {
				dst.Pix[i*c+k] = deep.narrow(uint16(min(uint32(binary.BigEndian.Uint16(p[2*k:]))*0xffff/a, 0xffff)))
			}
		}
	}
}

// flatten is the colours of a palette without their alpha; indices beyond it are black.
func flatten(p color.Palette) (table [256][3]byte) {
	for i, c := range p[:min(len(p), 256)] {
		switch c := c.(type) {
		case color.NRGBA:
			table[i] = [3]byte{c.R, c.G, c.B}
		case color.RGBA:
			table[i] = [3]byte{c.R, c.G, c.B}
		default:
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			table[i] = [3]byte{n.R, n.G, n.B}
		}
	}
	return table
}

// indexed writes the colours of m to dst at the place of its bounds.
func indexed(dst *datasets.Image, m *image.Paletted, table [256][3]byte) error {
	r := m.Bounds()
	if dst.C != 3 || !r.In(image.Rect(0, 0, dst.W, dst.H)) {
		return fmt.Errorf("a palette image %v for %dx%dx%d pixels", r, dst.W, dst.H, dst.C)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		to := dst.Pix[3*(y*dst.W+r.Min.X):]
		for x, i := range m.Pix[(y-r.Min.Y)*m.Stride:][:r.Dx()] {
			t := &table[i]
			to[3*x], to[3*x+1], to[3*x+2] = t[0], t[1], t[2]
		}
	}
	return nil
}

// cmyk converts as PIL does: (255-K) less the share of the ink, each product divided by 255 and rounded.
func cmyk(dst *datasets.Image, m *image.CMYK) error {
	if dst.C != 3 {
		return errors.New("CMYK for a grey image")
	}
	for y := range dst.H {
		to, from := dst.Pix[3*y*dst.W:3*(y+1)*dst.W], m.Pix[y*m.Stride:]
		for x := range dst.W {
			paper := 255 - int(from[4*x+3])
			for k := range 3 {
				t := int(from[4*x+k])*paper + 128
				to[3*x+k] = byte(max(paper-(t+t>>8)>>8, 0))
			}
		}
	}
	return nil
}
