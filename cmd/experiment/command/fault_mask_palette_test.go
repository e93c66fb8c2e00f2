package command

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mask of a palette PNG, as PASCAL VOC has them, counts by index: 1 and 16 have the same luma in its palette, and
// stay two classes. What the recipe does not name is refused with its index; ignore takes the outlines.
func TestFaultMaskPalette(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, m image.Image) {
		t.Helper()
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	palette := make(color.Palette, 256) // in VOC's order: bits of the index from the top of red, green and blue
	for i := range palette {
		palette[i] = color.NRGBA{uint8(i&1<<7 | i>>3&1<<6), uint8(i>>1&1<<7 | i>>4&1<<6), uint8(i>>2&1<<7 | i>>5&1<<6),
			255}
	}
	wide := image.NewGray16(image.Rect(0, 0, 8, 8))
	for _, name := range []string{"0.png", "1.png", "2.png", "3.png", "4.png"} {
		p := image.NewGray(image.Rect(0, 0, 8, 8))
		m := image.NewPaletted(p.Rect, palette)
		for i := range m.Pix {
			p.Pix[i] = byte(i)
			m.Pix[i] = []byte{0, 1, 16, 255}[i/16]
			wide.SetGray16(i%8, i/8, color.Gray16{Y: []uint16{0, 1, 256, 40000}[i/16]})
		}
		for _, set := range []string{"voc", "wide"} {
			write(set+"/images/"+name, p)
		}
		write("voc/masks/"+name, m)
		write("wide/masks/"+name, wide)
	}
	for _, c := range []struct {
		name, settings string
		status         int
		parts          []string
	}{
		{"index", "train = \"voc\"\nvalues = [0, 1, 16]\nignore = [255]", 0, []string{"pixels of 0     25.00 %",
			"pixels of 1     25.00 %", "pixels of 16    25.00 %", "pixels ignored  25.00 %"}},
		{"no ignore", "train = \"voc\"\nvalues = [0, 1, 16]", 3, []string{"pixel (0,6) is 255 (its index in the " +
			"palette), want one of values = [0 1 16], or ignore = [255]"}},
		{"luma", "train = \"voc\"\nvalues = [0, 38]\nignore = [255]", 3,
			[]string{"pixel (0,2) is 1 (its index in the palette)"}},
		{"16 bits", "train = \"wide\"\nvalues = [0, 1, 256, 40000]\nclasses = [\"ground\", \"a\", \"b\", \"c\"]", 0,
			[]string{"pixels of ground  25.00 %", "pixels of b       25.00 %", "pixels of c       25.00 %"}},
	} {
		file := filepath.Join(dir, "m.toml")
		if err := os.WriteFile(file, []byte("[data.masks]\n"+c.settings+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"info", "verify"} {
			status, out, errs := call("data", verb, file)
			if status != c.status {
				t.Errorf("%s: data %s: status %d, want %d: %s", c.name, verb, status, c.status, errs)
			}
			for _, part := range c.parts {
				if (verb == "info" || status != 0) && !strings.Contains(out+errs, part) {
					t.Errorf("%s: data %s: want %q in\n%s%s", c.name, verb, part, out, errs)
				}
			}
		}
	}
}
