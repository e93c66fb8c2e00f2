package images

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/setting"
)

func TestSegments(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false))
	mask := filetest.Encoded(t, ".png", filetest.Stripes(4, 6, 3, 255))
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Segments)
		train   string
		skipped int
		message string
	}{
		{name: "paired by name", files: map[string][]byte{"images/b.jpg": filetest.Encoded(t, ".jpg",
			filetest.Picture(4, 6, filetest.Red, false)),
			"images/a/x.png": pic, "masks/b.png": mask, "masks/a/x.png": mask},
			train: "[images/a/x.png=-1 images/b.jpg=-1]"},
		{name: "suffix in one folder", files: map[string][]byte{"all/x.png": pic, "all/x_m.png": mask},
			change: func(s *Segments) { s.ImageIn, s.MaskIn, s.Suffix, s.MaxSkipped = "all", "all", "_m", 1 },
			train:  "[all/x.png=-1]", skipped: 1},
		{name: "one of each alone", files: map[string][]byte{"images/a.png": pic, "images/b.png": pic,
			"masks/b.png": mask, "masks/c.png": mask},
			change: func(s *Segments) { s.MaxSkipped = 2 }, train: "[images/b.png=-1]", skipped: 2},
		{name: "image without mask", files: map[string][]byte{"images/a.png": pic, "images/b.png": pic,
			"masks/b.png": mask}, message: "images/a.png: no mask"},
		{name: "mask without image", files: map[string][]byte{"images/b.png": pic, "masks/b.png": mask,
			"masks/c.png": mask}, message: "masks/c.png: a mask without an image"},
		{name: "another size", files: map[string][]byte{"images/a.png": pic, "masks/a.png": filetest.Encoded(t, ".png",
			filetest.Stripes(6, 4, 3, 255))}, message: "masks/a.png: the mask is 4x6, its image 6x4"},
		{name: "another value", files: map[string][]byte{"images/a.png": pic, "masks/a.png": filetest.Encoded(t, ".png",
			filetest.Stripes(4, 6, 5, 7))}, message: "masks/a.png: pixel (5,0) is 7, want one of values = [0 255]"},
		{name: "damaged mask", files: map[string][]byte{"images/a.png": pic, "masks/a.png": mask[:40]},
			message: "masks/a.png: png 6x4: the file is truncated"},
		{name: "damaged image", files: map[string][]byte{"images/a.png": pic[:40], "masks/a.png": mask},
			message: "images/a.png: png 6x4: the file is truncated"},
		{name: "two of a name", files: map[string][]byte{"images/a.png": pic, "images/a.jpg": pic, "masks/a.png": mask},
			message: "differ in the extension alone"},
		{name: "no masks", files: map[string][]byte{"images/a.png": pic}, message: "masks: no such file"},
		{name: "value twice", change: func(s *Segments) { s.Values = []int{0, 0} },
			message: "values = [0 0] and ignore = [], want different"},
		{name: "names for each value", change: func(s *Segments) { s.Classes = []string{"one"} },
			message: "classes has 1 names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewSegments()
			s.Train, s.TestFraction = dir, 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			if got := fmt.Sprint(filetest.Listing(dir, p.Train)); got != c.train || len(p.Skipped) != c.skipped {
				t.Errorf("got %s, skipped %v; want %s, %d skipped", got, p.Skipped, c.train, c.skipped)
			}
		})
	}
}

// Masks follow their images through a resize, and are the same in memory and on demand.
func TestSegmentsResize(t *testing.T) {
	dir := filetest.Tree(t, map[string][]byte{"images/a.png": filetest.Encoded(t, ".png",
		filetest.Stripes(4, 8, 4, 255)),
		"masks/a.png": filetest.Encoded(t, ".png", filetest.Stripes(4, 8, 4, 9))})
	for _, c := range []struct {
		memory setting.Size
		resize int
		want   string // the first row
	}{
		{1 << 20, 0, "[0 0 0 0 1 1 1 1]"}, {0, 0, "[0 0 0 0 1 1 1 1]"}, {1 << 20, 2, "[0 1]"}, {0, 2, "[0 1]"},
		{0, 8, "[0 0 0 0 1 1 1 1]"},
	} {
		s := NewSegments()
		s.Train, s.TestFraction, s.Memory, s.Resize, s.Values, s.Classes = dir, 0, c.memory, c.resize, []int{0, 9},
			[]string{"back", "front"}
		p, err := s.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		var img, mask datasets.Image
		if err := p.Train.(datasets.Set).Image(0, &img); err != nil {
			t.Fatal(err)
		}
		if err := p.Train.(datasets.MaskSet).Mask(0, &mask); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(mask.Pix[:mask.W]); got != c.want || mask.H != img.H || mask.W != img.W || mask.C != 1 {
			t.Errorf("memory %v, resize %d: %s of %dx%d, image %dx%d; want %s", c.memory, c.resize, got, mask.W, mask.H,
				img.W, img.H, c.want)
		}
		if bad := datasets.VerifySamples(p.Train); bad != nil {
			t.Error(bad)
		}
		if got := datasets.FormatSummary(p.Summary()); !strings.Contains(got, "pixels of front  50.00 %") {
			t.Errorf("summary\n%s", got)
		}
	}
}

func TestRealNuclei(t *testing.T) {
	s := NewSegments()
	s.Root = filepath.Join(filetest.Unpacked(t, "masks-nuclei-128/nuclei-128.tar.gz", func(string) bool {
		return true
	}),
		"nuclei-128")
	s.Classes = []string{"background", "nucleus"}
	p, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Train.Len() != 120 || p.Test.Len() != 30 {
		t.Fatalf("%d + %d pairs, want 120 + 30", p.Train.Len(), p.Test.Len())
	}
	var m datasets.Image
	nuclei := 0
	for i := range p.Train.Len() {
		if err := p.Train.(datasets.MaskSet).Mask(i, &m); err != nil || m.H != 128 || m.W != 128 {
			t.Fatalf("mask %d: %dx%d (%v)", i, m.W, m.H, err)
		}
		for _, c := range m.Pix {
			nuclei += int(c)
		}
	}
	if share := float64(nuclei) / (120 * 128 * 128); share < 0.05 || share > 0.5 {
		t.Errorf("%.3f of the pixels are nuclei", share)
	}
}

// Masks of palettes and of 16 bits, with values that are ignored, in memory and on demand.
func TestSegmentValues(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(1, 4, filetest.Red, false))
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
		{"palette", filetest.Encoded(t, ".png", filetest.Paletted(filetest.VOC(), 0, 1, 16, 255)), []int{0, 16, 1},
			[]int{255}, "[0 2 1 255]", ""},
		{"palette without ignore", filetest.Encoded(t, ".png", filetest.Paletted(filetest.VOC(), 0, 1, 16, 255)),
			[]int{0, 1, 16}, nil, "",
			"pixel (3,0) is 255 (its index in the palette), want one of values = [0 1 16], or ignore = [255]"},
		{"luma of a palette", filetest.Encoded(t, ".png", filetest.Paletted(filetest.VOC(), 0, 1, 16, 255)),
			[]int{0, 38}, []int{255}, "",
			"pixel (1,0) is 1 (its index in the palette), want one of values = [0 38] or ignore = [255]"},
		{"16 bits", filetest.Encoded(t, ".png", wide), []int{0, 255, 256, 40000}, nil, "[0 1 2 3]", ""},
		{"16 bits, high byte", filetest.Encoded(t, ".png", wide), []int{0, 1, 156}, nil, "",
			"pixel (1,0) is 255, want"},
		{"colours", filetest.Encoded(t, ".png", filetest.Picture(1, 4, filetest.Red, false)), []int{0, 255}, nil, "",
			"pixel (0,0) has the colour (200, 30, 60)"},
		{"a value twice", nil, []int{0, 255}, []int{255}, "", "values = [0 255] and ignore = [255], want " +
			"different numbers from 0 to 65535"},
	} {
		for _, resize := range []int{0, 1} {
			s := NewSegments()
			s.Train, s.TestFraction, s.Values, s.Ignore, s.Resize,
				s.Memory = filetest.Tree(t, map[string][]byte{"images/a.png": pic, "masks/a.png": c.mask}), 0, c.values,
				c.ignore, resize, 1<<20
			p, err := s.Open(datasets.Env{})
			if !filetest.Opens(t, err, c.message) {
				continue
			}
			s.Memory = 0
			q, err := s.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			var kept, read datasets.Image
			if err := p.Train.(datasets.MaskSet).Mask(0, &kept); err != nil {
				t.Fatal(err)
			}
			if err := q.Train.(datasets.MaskSet).Mask(0, &read); err != nil || !bytes.Equal(kept.Pix, read.Pix) {
				t.Errorf("%s: %v in memory, %v on demand (%v)", c.name, kept.Pix, read.Pix, err)
			}
			if got := fmt.Sprint(kept.Pix); resize == 0 && got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			if text := datasets.FormatSummary(p.Summary()); resize == 0 &&
				strings.Contains(text, "pixels ignored") != (len(c.ignore) > 0) {
				t.Errorf("%s: summary\n%s", c.name, text)
			}
		}
	}
}
