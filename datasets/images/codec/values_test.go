package codec

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

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
	deep := filetest.Deep(1, 4, 0, 21845, "grey")
	greyed := row(color.Gray{0}, color.Gray{7}, color.Gray{255})
	two := color.Palette{color.Black, color.White}
	for _, c := range []struct {
		name, want string
		in         []byte
	}{
		{"png of a palette", "[0 1 16 3 18 255 20] true", filetest.Encoded(t, ".png", filetest.Paletted(filetest.VOC(),
			indices...))},
		{"gif", "[0 1 16 3 18 255 20] true", filetest.Encoded(t, ".gif", filetest.Paletted(filetest.VOC(),
			indices...))},
		{"bmp of a palette", "[0 1 16 3 18 255 20] true", filetest.Encoded(t, ".bmp", filetest.Paletted(filetest.VOC(),
			indices...))},
		{"tiff of a palette", "[0 1 16 3 18 255 20] true", filetest.Encoded(t, ".tiff",
			filetest.Paletted(filetest.VOC(), indices...))},
		{"png of 4 bits", "[0 1 5] true", filetest.Encoded(t, ".png", filetest.Paletted(filetest.VOC()[:9], 0, 1, 5))},
		{"png of black and white in a palette", "[0 1 1] true", filetest.Encoded(t, ".png", filetest.Paletted(two, 0, 1,
			1))},
		{"png of 16 bits", "[0 21845 43690 65535] false", filetest.Encoded(t, ".png", deep)},
		{"tiff of 16 bits", "[0 21845 43690 65535] false", filetest.Encoded(t, ".tiff", deep)},
		{"tiff of 16 bits, 0 is white", "[0 21845 43690 65535] false",
			whiteIsZero(t, filetest.Encoded(t, ".tiff", deep))},
		{"grey stored as colour", "[0 7 255] false", filetest.Encoded(t, ".png", greyed)},
		{"the same as bmp", "[0 7 255] false", filetest.Encoded(t, ".bmp", greyed)},
		{"colour", "png 3x1: pixel (2,0) has the colour (200, 30, 60), want a grey level or a palette",
			filetest.Encoded(t, ".png", row(filetest.White, filetest.White, filetest.Red))},
		{"colour of 16 bits", "pixel (0,0) has the colour (2048, 1024, 0)",
			filetest.Encoded(t, ".png", colourOf16(1, 2))},
		{"cut", "not enough pixel data", filetest.Encoded(t, ".png", deep)[:50]},
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

func colourOf16(h, w int) image.Image { return filetest.Deep(h, w, 2048, 1024, "colour") }

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
		var m datasets.Image
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

// FuzzValues holds that no file does more than fail, and that what is not refused has the size of its header.
func FuzzValues(f *testing.F) {
	seeds(f)
	for _, name := range []string{".png", ".gif", ".bmp", ".tiff"} {
		f.Add(filetest.Encoded(f, filepath.Join("x"+name), filetest.Paletted(filetest.VOC(), 0, 1, 16, 255)))
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
