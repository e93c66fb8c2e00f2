package codec

import (
	"fmt"
	"image"
	"image/color"

	"selfsup/datasets/disk"
	"selfsup/datasets/resample"
)

// Values is an image whose pixels are numbers, not colours, such as the classes of a mask.
type Values struct {
	H, W    int
	V       []uint16 // [H,W]
	Palette bool     // they are indices of a palette
}

func (v *Values) resize(h, w int) {
	v.H, v.W = h, w
	if n := h * w; cap(v.V) < n {
		v.V = make([]uint16, n)
	} else {
		v.V = v.V[:n]
	}
}

// Values writes the numbers that the file b stores to dst, whose memory it reuses: of a palette image the index,
// whatever its colour; of 16 bits the whole sample; of 8 bits the grey level. Grey of fewer bits is scaled to 0 to 255,
// as PIL does; so is a BMP of black and white. A picture whose pixels have colours is an error, grey ones stored as
// red, green and blue are not. Alpha is dropped.
func (d *Decoder) Values(b []byte, dst *Values) (err error) {
	defer recovered(&err)
	f, h, err := d.header(b)
	if err != nil {
		return err
	}
	d.reader.rewind()
	src, err := f.decode(&d.reader)
	t, stored := h.turn(), dst
	if t.needed() {
		stored = new(Values)
	}
	if err == nil {
		stored.resize(h.config.Height, h.config.Width)
		stored.Palette = false
		err = d.values(stored, src, b, h)
	}
	d.reader.reset(nil) // lets go of b
	if err != nil {
		return fmt.Errorf("%s %dx%d: %w", h.Format, h.config.Width, h.config.Height, disk.NoEOF(err))
	}
	if t.needed() {
		dst.resize(h.H, h.W)
		dst.Palette = stored.Palette
		for i := range dst.V {
			dst.V[i] = stored.V[t.start+i/dst.W*t.down+i%dst.W*t.right]
		}
	}
	return nil
}

// values takes the numbers out of what a decoder of the library returned.
func (d *Decoder) values(dst *Values, src image.Image, file []byte, h Header) error {
	if r := src.Bounds(); h.Format != "gif" && (r.Dx() != dst.W || r.Dy() != dst.H) {
		return fmt.Errorf("the header says %dx%d pixels, the image has %dx%d", dst.W, dst.H, r.Dx(), r.Dy())
	}
	switch m := src.(type) {
	case *image.Paletted:
		return dst.indices(m, file, h)
	case *image.Gray16:
		turned := h.Format == "tiff" && d.reader.whiteIsZero() // by the library
		for i := range dst.V {
			at := i/dst.W*m.Stride + i%dst.W*2
			dst.V[i] = uint16(m.Pix[at])<<8 | uint16(m.Pix[at+1])
			if turned {
				dst.V[i] = ^dst.V[i]
			}
		}
		return nil
	case *image.NRGBA64, *image.RGBA64:
		for i := range dst.V {
			r := m.Bounds().Min
			c := color.NRGBA64Model.Convert(m.At(r.X+i%dst.W, r.Y+i/dst.W)).(color.NRGBA64)
			if c.R != c.G || c.G != c.B {
				return coloured(i, dst.W, fmt.Sprintf("(%d, %d, %d)", c.R, c.G, c.B))
			}
			dst.V[i] = c.R
		}
		return nil
	}
	m := &d.stored
	if err := d.pixels(m, src, file, h, resample.Whole(dst.H, dst.W)); err != nil {
		return err
	}
	for i := range dst.V {
		p := m.Pix[i*m.C : (i+1)*m.C]
		if m.C == 3 && (p[0] != p[1] || p[1] != p[2]) {
			return coloured(i, dst.W, fmt.Sprintf("(%d, %d, %d)", p[0], p[1], p[2]))
		}
		dst.V[i] = uint16(p[0])
	}
	return nil
}

func coloured(i, w int, c string) error {
	return fmt.Errorf("pixel (%d,%d) has the colour %s, want a grey level or a palette, whose index is the value", i%w,
		i/w, c)
}

// indices takes those of a palette image; what the frame of a GIF leaves uncovered has the index of the transparent
// colour, or 0.
func (v *Values) indices(m *image.Paletted, file []byte, h Header) error {
	v.Palette = true
	r := m.Bounds()
	if !r.In(image.Rect(0, 0, v.W, v.H)) {
		return fmt.Errorf("a palette image %v for %dx%d pixels", r, v.W, v.H)
	}
	if h.Format == "gif" {
		_, ground, err := gifPalette(file)
		if err != nil {
			return err
		}
		for i := range v.V {
			v.V[i] = uint16(ground)
		}
	}
	scale := uint16(1)
	if h.Format == "bmp" && blackAndWhite(m.Palette) {
		scale, v.Palette = 255, false
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x, i := range m.Pix[(y-r.Min.Y)*m.Stride:][:r.Dx()] {
			v.V[y*v.W+r.Min.X+x] = uint16(i) * scale
		}
	}
	return nil
}

// blackAndWhite reports the palette of a picture of one bit: a BMP has no other way to store it.
func blackAndWhite(p color.Palette) bool {
	is := func(c color.Color, v uint32) bool {
		r, g, b, _ := c.RGBA()
		return r == v && g == v && b == v
	}
	return len(p) == 2 && is(p[0], 0) && is(p[1], 0xffff)
}
