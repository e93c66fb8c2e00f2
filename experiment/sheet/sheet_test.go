package sheet

import (
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func cell(h, w, c int, v float32) Cell {
	x := Cell{H: h, W: w, C: c, Pix: make([]float32, h*w*c)}
	for i := range x.Pix {
		x.Pix[i] = v
	}
	return x
}

func TestWrite(t *testing.T) {
	red := cell(50, 60, 3, 0)
	for i := 0; i < len(red.Pix); i += 3 {
		red.Pix[i] = 2 // cut to 1
	}
	s := &Sheet{Title: "title", Columns: []string{"first", "second"}, Rows: []Row{
		{"a\nb", []Cell{cell(96, 96, 1, 0.5), red}},
		{"c", []Cell{cell(10, 10, 1, 0), cell(200, 100, 3, 1)}},
	}}
	path := filepath.Join(t.TempDir(), "sheet.png")
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	left, top := letter+2*gap, 2*line+gap
	if got, want := m.Bounds().Max.X, left+96+gap+100+gap; got != want {
		t.Errorf("%d pixels wide, want %d", got, want)
	}
	if got, want := m.Bounds().Max.Y, top+96+gap+200+gap+gap; got != want {
		t.Errorf("%d pixels high, want %d", got, want)
	}
	for _, c := range []struct {
		what string
		x, y int
		want color.RGBA
	}{
		{"grey cell", left, top, color.RGBA{128, 128, 128, 255}},
		{"its last pixel", left + 95, top + 95, color.RGBA{128, 128, 128, 255}},
		{"gap", left + 96, top, color.RGBA{255, 255, 255, 255}},
		{"red cell", left + 96 + gap, top, color.RGBA{255, 0, 0, 255}},
		{"last pixel of the enlarged black cell", left + 89, top + 96 + gap + 89, color.RGBA{0, 0, 0, 255}},
		{"behind it", left + 91, top + 96 + gap, color.RGBA{255, 255, 255, 255}},
	} {
		if got := color.RGBAModel.Convert(m.At(c.x, c.y)); got != c.want {
			t.Errorf("%s at %d, %d: got %v, want %v", c.what, c.x, c.y, got, c.want)
		}
	}
	dark := 0
	for x := range m.Bounds().Max.X {
		for y := range line + gap {
			if r, _, _, _ := m.At(x, y).RGBA(); r < 0x8000 {
				dark++
			}
		}
	}
	if dark < 20 {
		t.Errorf("%d dark pixels where the title should be", dark)
	}
}

func TestSheetErrors(t *testing.T) {
	for _, c := range []struct {
		sheet   Sheet
		message string
	}{
		{Sheet{Columns: []string{"a", "b"}, Rows: []Row{{"", []Cell{cell(2, 2, 1, 0)}}}},
			"row 0 has 1 cells for 2 columns"},
		{Sheet{Columns: []string{"a"}, Rows: []Row{{"", []Cell{{H: 2, W: 2, C: 3, Pix: make([]float32, 4)}}}}},
			"row 0, a: 4 values as an image of 2x2x3"},
	} {
		if err := c.sheet.Write(filepath.Join(t.TempDir(), "x.png")); err == nil || !strings.Contains(err.Error(),
			c.message) {
			t.Errorf("got %v, want an error with %q", err, c.message)
		}
	}
	s := Sheet{Columns: []string{"a"}, Rows: []Row{{"", []Cell{cell(2, 2, 1, 0)}}}}
	if err := s.Write(filepath.Join(t.TempDir(), "nowhere", "x.png")); err == nil || !strings.Contains(err.Error(),
		"nowhere") {
		t.Errorf("a folder that is not there: got %v", err)
	}
}
