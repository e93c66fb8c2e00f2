package datasets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// voc is the palette of PASCAL VOC, in which 1 and 16, and 3 and 18, have the same luma; the last colour outlines.
func voc() color.Palette {
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

// paletted is a row of pixels by their indices.
func paletted(p color.Palette, indices ...byte) image.Image {
	m := image.NewPaletted(image.Rect(0, 0, len(indices), 1), p)
	copy(m.Pix, indices)
	return m
}

// row is pixels of one colour each.
func row(colours ...color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, len(colours), 1))
	for x, c := range colours {
		m.Set(x, 0, c)
	}
	return m
}

// The value of a pixel is what the file stores: the index of a palette, the whole sample of 16 bits, the grey level of
// 8.
func TestValues(t *testing.T) {
	indices := []byte{0, 1, 16, 3, 18, 255, 20}
	deep := deep(1, 4, 0, 21845, "grey")
	greyed := row(color.Gray{0}, color.Gray{7}, color.Gray{255})
	two := color.Palette{color.Black, color.White}
	for _, c := range []struct {
		name, want string
		in         []byte
	}{
		{"png of a palette", "[0 1 16 3 18 255 20] true", encoded(t, ".png", paletted(voc(), indices...))},
		{"gif", "[0 1 16 3 18 255 20] true", encoded(t, ".gif", paletted(voc(), indices...))},
		{"bmp of a palette", "[0 1 16 3 18 255 20] true", encoded(t, ".bmp", paletted(voc(), indices...))},
		{"tiff of a palette", "[0 1 16 3 18 255 20] true", encoded(t, ".tiff", paletted(voc(), indices...))},
		{"png of 4 bits", "[0 1 5] true", encoded(t, ".png", paletted(voc()[:9], 0, 1, 5))},
		{"png of black and white in a palette", "[0 1 1] true", encoded(t, ".png", paletted(two, 0, 1, 1))},
		{"png of 16 bits", "[0 21845 43690 65535] false", encoded(t, ".png", deep)},
		{"tiff of 16 bits", "[0 21845 43690 65535] false", encoded(t, ".tiff", deep)},
		{"tiff of 16 bits, 0 is white", "[0 21845 43690 65535] false", whiteIsZero(t, encoded(t, ".tiff", deep))},
		{"grey stored as colour", "[0 7 255] false", encoded(t, ".png", greyed)},
		{"the same as bmp", "[0 7 255] false", encoded(t, ".bmp", greyed)},
		{"colour", "png 3x1: pixel (2,0) has the colour (200, 30, 60), want a grey level or a palette",
			encoded(t, ".png", row(white, white, red))},
		{"colour of 16 bits", "pixel (0,0) has the colour (2048, 1024, 0)", encoded(t, ".png", colourOf16(1, 2))},
		{"cut", "not enough pixel data", encoded(t, ".png", deep)[:50]},
	} {
		var v Values
		err := new(Decoder).Values(c.in, &v)
		got := fmt.Sprintf("%v %v", v.V, v.Palette)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func colourOf16(h, w int) image.Image { return deep(h, w, 2048, 1024, "colour") }

// Values of PIL's files: what has a palette has one colour an index, turned and laid on the screen as the picture is;
// what is grey has the levels of the picture.
func TestValuesOfPILFiles(t *testing.T) {
	n := map[string]int{}
	for _, name := range samples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		var m Image
		var v Values
		if err := d.Decode(b, &m); err != nil {
			t.Fatal(name, err)
		}
		err = d.Values(b, &v)
		if m.C == 3 && !strings.Contains(name, "palette") && !strings.HasSuffix(name, ".gif") {
			if err == nil || !strings.Contains(err.Error(), "has the colour") && !strings.Contains(err.Error(),
				"jpeg") {
				t.Errorf("%s: got %v, want that pixels have colours", name, err)
			}
			n["colour"]++
			continue
		}
		if err != nil || v.H != m.H || v.W != m.W {
			t.Errorf("%s: %dx%d (%v), want %dx%d", name, v.W, v.H, err, m.W, m.H)
			continue
		}
		colours := map[uint16][3]byte{}
		for i, value := range v.V {
			if m.C == 1 {
				if byte(value) != m.Pix[i] && byte(value>>8) != m.Pix[i] {
					t.Errorf("%s: pixel %d is %d, the picture has %d", name, i, value, m.Pix[i])
					break
				}
				continue
			}
			c := [3]byte(m.Pix[3*i:])
			if before, seen := colours[value]; seen && before != c {
				t.Errorf("%s: index %d is %v and %v", name, value, before, c)
				break
			}
			colours[value] = c
		}
		if m.C == 3 {
			n["palette"]++
			if len(colours) < 2 || !v.Palette {
				t.Errorf("%s: %d indices, palette %v", name, len(colours), v.Palette)
			}
		} else {
			n["grey"]++
		}
	}
	if n["palette"] < 5 || n["grey"] < 6 || n["colour"] < 10 {
		t.Errorf("files %v, want at least 5 of palettes, 6 grey and 10 in colour", n)
	}
}

// Masks of palettes and of 16 bits, with values that are ignored, in memory and on demand.
func TestMaskValues(t *testing.T) {
	pic := encoded(t, ".png", picture(1, 4, red, false))
	wide := image.NewGray16(image.Rect(0, 0, 4, 1))
	for x, v := range []uint16{0, 255, 256, 40000} {
		wide.SetGray16(x, 0, color.Gray16{Y: v})
	}
	for _, c := range []struct {
		name           string
		mask           []byte
		values, ignore []int
		want, message  string
	}{
		{"palette", encoded(t, ".png", paletted(voc(), 0, 1, 16, 255)), []int{0, 16, 1}, []int{255}, "[0 2 1 255]", ""},
		{"palette without ignore", encoded(t, ".png", paletted(voc(), 0, 1, 16, 255)), []int{0, 1, 16}, nil, "",
			"pixel (3,0) is 255 (its index in the palette), want one of values = [0 1 16], or ignore = [255]"},
		{"luma of a palette", encoded(t, ".png", paletted(voc(), 0, 1, 16, 255)), []int{0, 38}, []int{255}, "",
			"pixel (1,0) is 1 (its index in the palette), want one of values = [0 38] or ignore = [255]"},
		{"16 bits", encoded(t, ".png", wide), []int{0, 255, 256, 40000}, nil, "[0 1 2 3]", ""},
		{"16 bits, high byte", encoded(t, ".png", wide), []int{0, 1, 156}, nil, "", "pixel (1,0) is 255, want"},
		{"colours", encoded(t, ".png", picture(1, 4, red, false)), []int{0, 255}, nil, "",
			"pixel (0,0) has the colour (200, 30, 60)"},
		{"a value twice", nil, []int{0, 255}, []int{255}, "", "values = [0 255] and ignore = [255], want " +
			"different numbers from 0 to 65535"},
	} {
		for _, resize := range []int{0, 1} {
			s := NewMasks()
			s.Train, s.TestFraction, s.Values, s.Ignore, s.Resize,
				s.Memory = tree(t, map[string][]byte{"images/a.png": pic, "masks/a.png": c.mask}), 0, c.values,
				c.ignore, resize, 1<<20
			p, err := s.Open(Env{})
			if !opens(t, err, c.message) {
				continue
			}
			s.Memory = 0
			q, err := s.Open(Env{})
			if err != nil {
				t.Fatal(err)
			}
			var kept, read Image
			if err := p.Train.(MaskSet).Mask(0, &kept); err != nil {
				t.Fatal(err)
			}
			if err := q.Train.(MaskSet).Mask(0, &read); err != nil || !bytes.Equal(kept.Pix, read.Pix) {
				t.Errorf("%s: %v in memory, %v on demand (%v)", c.name, kept.Pix, read.Pix, err)
			}
			if got := fmt.Sprint(kept.Pix); resize == 0 && got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			if text := FormatSummary(p.Summary()); resize == 0 &&
				strings.Contains(text, "pixels ignored") != (len(c.ignore) > 0) {
				t.Errorf("%s: summary\n%s", c.name, text)
			}
		}
	}
}

// FuzzValues holds that no file does more than fail, and that what is not refused has the size of its header.
func FuzzValues(f *testing.F) {
	seeds(f)
	for _, name := range []string{".png", ".gif", ".bmp", ".tiff"} {
		f.Add(encoded(f, filepath.Join("x"+name), paletted(voc(), 0, 1, 16, 255)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := Decoder{MaxPixels: 1 << 12}
		var v Values
		h, headerErr := d.Header(in)
		if err := d.Values(in, &v); err != nil {
			return
		}
		if headerErr != nil || h.H != v.H || h.W != v.W || len(v.V) != v.H*v.W {
			t.Fatalf("%dx%d with %d values, header %+v (%v)", v.H, v.W, len(v.V), h, headerErr)
		}
	})
}
