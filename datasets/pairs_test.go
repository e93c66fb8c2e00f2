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

	"selfsup/datasets/filetest"
	"selfsup/setting"
)

func TestMasks(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false))
	mask := filetest.Encoded(t, ".png", filetest.Stripes(4, 6, 3, 255))
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Masks)
		train   string
		skipped int
		message string
	}{
		{name: "paired by name", files: map[string][]byte{"images/b.jpg": filetest.Encoded(t, ".jpg",
			filetest.Picture(4, 6, filetest.Red, false)),
			"images/a/x.png": pic, "masks/b.png": mask, "masks/a/x.png": mask},
			train: "[images/a/x.png=-1 images/b.jpg=-1]"},
		{name: "suffix in one folder", files: map[string][]byte{"all/x.png": pic, "all/x_m.png": mask},
			change: func(s *Masks) { s.ImageIn, s.MaskIn, s.Suffix, s.MaxSkipped = "all", "all", "_m", 1 },
			train:  "[all/x.png=-1]", skipped: 1},
		{name: "one of each alone", files: map[string][]byte{"images/a.png": pic, "images/b.png": pic,
			"masks/b.png": mask, "masks/c.png": mask},
			change: func(s *Masks) { s.MaxSkipped = 2 }, train: "[images/b.png=-1]", skipped: 2},
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
		{name: "value twice", change: func(s *Masks) { s.Values = []int{0, 0} },
			message: "values = [0 0] and ignore = [], want different"},
		{name: "names for each value", change: func(s *Masks) { s.Classes = []string{"one"} },
			message: "classes has 1 names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewMasks()
			s.Train, s.TestFraction = dir, 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(Env{})
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
func TestMasksResize(t *testing.T) {
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
		s := NewMasks()
		s.Train, s.TestFraction, s.Memory, s.Resize, s.Values, s.Classes = dir, 0, c.memory, c.resize, []int{0, 9},
			[]string{"back", "front"}
		p, err := s.Open(Env{})
		if err != nil {
			t.Fatal(err)
		}
		var img, mask Image
		if err := p.Train.(Set).Image(0, &img); err != nil {
			t.Fatal(err)
		}
		if err := p.Train.(MaskSet).Mask(0, &mask); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(mask.Pix[:mask.W]); got != c.want || mask.H != img.H || mask.W != img.W || mask.C != 1 {
			t.Errorf("memory %v, resize %d: %s of %dx%d, image %dx%d; want %s", c.memory, c.resize, got, mask.W, mask.H,
				img.W, img.H, c.want)
		}
		if bad := VerifySamples(p.Train); bad != nil {
			t.Error(bad)
		}
		if got := FormatSummary(p.Summary()); !strings.Contains(got, "pixels of front  50.00 %") {
			t.Errorf("summary\n%s", got)
		}
	}
}

func TestRealNuclei(t *testing.T) {
	s := NewMasks()
	s.Root = filepath.Join(filetest.Unpacked(t, "masks-nuclei-128/nuclei-128.tar.gz", func(string) bool {
		return true
	}),
		"nuclei-128")
	s.Classes = []string{"background", "nucleus"}
	p, err := s.Open(Env{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Train.Len() != 120 || p.Test.Len() != 30 {
		t.Fatalf("%d + %d pairs, want 120 + 30", p.Train.Len(), p.Test.Len())
	}
	var m Image
	nuclei := 0
	for i := range p.Train.Len() {
		if err := p.Train.(MaskSet).Mask(i, &m); err != nil || m.H != 128 || m.W != 128 {
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

func TestCaptions(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false))
	for _, c := range []struct {
		name    string
		list    string
		file    string
		change  func(*Captions)
		want    string // image=label captions
		skipped int
		message string
	}{
		{name: "JSON", list: "{\"image\":\"i/a.png\",\"caption\":\"one\",\"kind\":\"x\"}\n" +
			"{\"image\":\"i/b.png\",\"caption\":[\"two\",\"three\"],\"kind\":\"w\"}\n",
			change: func(s *Captions) { s.Label = "kind" }, want: `i/a.png=1["one"] i/b.png=0["two" "three"]`},
		{name: "CSV, lines of one image", file: "l.csv", list: "caption,image\none,i/a.png\n\"two, and\n" +
			"more\",i/a.png\n", want: `i/a.png=-1["one" "two, and\nmore"]`},
		{name: "bad lines left out", list: "{\"image\":\"i/a.png\",\"caption\":\"one\"}\n" +
			"{\"image\":\"../a.png\",\"caption\":\"one\"}\n{\"image\":\"i/b.png\",\"caption\":\" \"}\n" +
			"{\"image\":\"i/none.png\",\"caption\":\"c\"}\n{\"image\":3}\n",
			change: func(s *Captions) { s.MaxSkipped = 4 }, want: `i/a.png=-1["one"]`, skipped: 4},
		{name: "path above", list: "{\"image\":\"../a.png\",\"caption\":\"one\"}\n",
			message: `l.jsonl:1: image "../a.png", want a path below`},
		{name: "absolute path", list: "{\"image\":\"/etc/a.png\",\"caption\":\"one\"}\n",
			message: `l.jsonl:1: image "/etc/a.png", want a path below`},
		{name: "missing image", list: "{\"image\":\"i/c.png\",\"caption\":\"one\"}\n",
			message: "i/c.png: no such file"},
		{name: "two labels", list: "{\"image\":\"i/a.png\",\"caption\":\"1\",\"kind\":\"x\"}\n" +
			"{\"image\":\"i/a.png\",\"caption\":\"2\",\"kind\":\"y\"}\n",
			change:  func(s *Captions) { s.Label = "kind" },
			message: `l.jsonl:2: image "i/a.png" has label "y" here and "x" before`},
		{name: "in both lists", list: "{\"image\":\"i/a.png\",\"caption\":\"1\"}\n", change: func(s *Captions) {
			s.Test = s.Train
		}, message: `l.jsonl:1: image "i/a.png" is in the training list too`},
		{name: "other format", file: "l.txt", list: "i/a.png one\n", message: "l.txt: want a file named .csv, " +
			".tsv or .jsonl"},
		{name: "no such column", file: "l.csv", list: "picture,caption\n", message: `l.csv:1: no column "image"`},
		{name: "not UTF-8", list: "{\"image\":\"i/a.png\",\"caption\":\"\xff\"}\n",
			message: "l.jsonl:1:31: bytes ff 22 7d 0a are not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "" {
				c.file = "l.jsonl"
			}
			dir := filetest.Tree(t, map[string][]byte{c.file: []byte(c.list), "i/a.png": pic, "i/b.png": pic})
			s := NewCaptions()
			s.Train, s.TestFraction = c.file, 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			var got []string
			for i, name := range filetest.Listing(dir, p.Train) {
				got = append(got, fmt.Sprintf("%s%q", name, p.Train.(CaptionSet).Captions(i)))
			}
			if strings.Join(got, " ") != c.want || len(p.Skipped) != c.skipped {
				t.Errorf("got %s, skipped %v; want %s, %d skipped", strings.Join(got, " "), p.Skipped, c.want,
					c.skipped)
			}
		})
	}
}

func TestRealCaptions(t *testing.T) {
	s := NewCaptions()
	s.Train = filepath.Join(filetest.Unpacked(t, "captions-emoji-64/emoji-captions-64.tar.gz", func(string) bool {
		return true
	}), "emoji-captions-64", "captions.jsonl")
	s.Label = "category"
	p, err := s.Open(Env{})
	if err != nil {
		t.Fatal(err)
	}
	different := map[string]bool{}
	for _, set := range []CaptionSet{p.Train.(CaptionSet), p.Test.(CaptionSet)} {
		for i := range set.Len() {
			different[set.Captions(i)[0]] = true
		}
	}
	if n := p.Train.Len() + p.Test.Len(); n != 1906 || len(different) != 1905 || len(p.Train.Classes()) != 9 {
		t.Errorf("%d pairs, %d captions, %d classes; want 1906, 1905, 9", n, len(different), len(p.Train.Classes()))
	}
	for i := range p.Train.Len() {
		if strings.HasSuffix(p.Train.Name(i), "1f603.png") &&
			p.Train.(CaptionSet).Captions(i)[0] != "smiling face with open mouth" {
			t.Errorf("%s is %q", p.Train.Name(i), p.Train.(CaptionSet).Captions(i))
		}
	}
}

func TestClips(t *testing.T) {
	pic, small := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false)),
		filetest.Encoded(t, ".png", filetest.Picture(3, 3, filetest.Red, false))
	numbered := func(names ...string) map[string][]byte {
		files := map[string][]byte{}
		for _, n := range names {
			files[n] = pic
		}
		return files
	}
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Clips)
		want    string // label:frames of each clip
		test    string
		message string
	}{
		{name: "in the order of numbers", files: numbered("a/9.png", "a/10.png", "a/11.png", "b/1.png", "b/2.png"),
			want: "0:a/9,a/10 1:b/1,b/2"},
		{name: "overlap", files: numbered("a/1.png", "a/2.png", "a/3.png"), change: func(s *Clips) { s.Step = 1 },
			want: "0:a/1,a/2 0:a/2,a/3"},
		{name: "stride", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png"), change: func(s *Clips) {
			s.Stride, s.Step = 2, 1
		}, want: "0:a/1,a/3 0:a/2,a/4"},
		{name: "cut at a gap", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/5.png", "a/6.png"),
			change: func(s *Clips) { s.Step = 1 }, want: "0:a/1,a/2 0:a/2,a/3 0:a/5,a/6"},
		{name: "every fourth number", files: numbered("a/0.png", "a/4.png", "a/8.png"), want: "0:a/0,a/4"},
		{name: "names in one folder", files: numbered("x_1.png", "x_2.png", "y_1.png", "y_2.png"),
			change: func(s *Clips) { s.Name, s.ClassDepth = `^(?P<sequence>.)_(?P<frame>\d+)\.png$`, 0 },
			want:   "-1:x_1,x_2 -1:y_1,y_2"},
		{name: "classes of sequences", files: numbered("run/v/1.png", "run/v/2.png", "run/w/1.png", "run/w/2.png"),
			want: "0:run/v/1,run/v/2 0:run/w/1,run/w/2"},
		{name: "the end for the test", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png"),
			change: func(s *Clips) { s.TestFraction = 0.4 }, want: "0:a/1,a/2", test: "0:a/4,a/5"},
		{name: "a gap before the test", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png",
			"a/6.png"),
			change: func(s *Clips) { s.TestFraction, s.Gap = 0.5, 1 }, want: "0:a/1,a/2", test: "0:a/5,a/6"},
		{name: "speeds", files: numbered("a/1.png", "a/2.png", "a/3.png"), change: func(s *Clips) {
			s.Speeds = []int{1, -1, 2}
		}, want: "0:a/1,a/2 1:a/2,a/1 2:a/1,a/3"},
		{name: "speeds of overlapping clips without folders", files: numbered("1.png", "2.png", "3.png"),
			change: func(s *Clips) { s.Speeds, s.Step, s.ClassDepth = []int{-2, 1}, 1, 0 },
			want:   "1:1,2 0:3,1 1:2,3"},
		{name: "a speed too many", files: numbered("a/1.png", "a/2.png"), change: func(s *Clips) {
			s.Speeds = []int{1, 4}
		}, message: "hold no clip; one takes 5 successive frames (length = 2, stride = 4)"},
		{name: "one speed", change: func(s *Clips) { s.Speeds = []int{2} }, message: "want two or more to tell apart"},
		{name: "speed 0", change: func(s *Clips) { s.Speeds = []int{1, 0} }, message: "want different strides"},
		{name: "a gap within the test", change: func(s *Clips) { s.Gap, s.SplitBy = 2, "sequence" },
			message: "only where the test is the end of each sequence"},
		{name: "whole sequences for the test", files: numbered("c/v/1.png", "c/v/2.png", "c/w/1.png", "c/w/2.png"),
			change: func(s *Clips) { s.TestFraction, s.SplitBy, s.SplitSeed = 0.5, "sequence", 1 },
			want:   "0:c/v/1,c/v/2", test: "0:c/w/1,c/w/2"},
		{name: "refused frame", files: map[string][]byte{"a/1.png": pic, "a/2.png": pic, "a/3.png": pic[:30],
			"a/4.png": pic}, change: func(s *Clips) { s.MaxSkipped, s.Step = 1, 1 }, want: "0:a/1,a/2"},
		{name: "number twice", files: numbered("a/1.png", "a/01.png"), message: "are both frame 1"},
		{name: "no number", files: numbered("a/x.png"), message: "a/x.png: no number in the name"},
		{name: "number too large", files: numbered("a/99999999999999999999.png"),
			message: `frame "99999999999999999999", want a whole number`},
		{name: "sizes differ", files: map[string][]byte{"a/1.png": pic, "a/2.png": small},
			message: "a/2.png is 3x3, the frames before it are 6x4"},
		{name: "too short", files: numbered("a/1.png"), message: "hold no clip; one takes 2 successive frames"},
		{name: "no folder", files: numbered("1.png", "2.png"), message: "frames (1.png) that are in no folder"},
		{name: "groups", change: func(s *Clips) { s.Name = "x" }, message: "want the groups (?P<sequence>...)"},
		{name: "length", change: func(s *Clips) { s.Length = 0 }, message: "length = 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewClips()
			s.Train, s.TestFraction, s.Length = dir, 0, 2
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(Env{})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			test := ""
			if p.Test != nil {
				test = clipNames(dir, p.Test.(*clipSet))
			}
			if got := clipNames(dir, p.Train.(*clipSet)); got != c.want || test != c.test {
				t.Errorf("got %s, test %s; want %s, test %s", got, test, c.want, c.test)
			}
			if bad := VerifySamples(p.Train); bad != nil {
				t.Error(bad)
			}
		})
	}
}

// clipNames lists label:frames.
func clipNames(dir string, s *clipSet) string {
	var clips []string
	for i := range s.Len() {
		var names []string
		for k := range s.length {
			rel, _ := filepath.Rel(dir, s.images.Name(s.clips[i].frame(k)))
			names = append(names, strings.TrimSuffix(filepath.ToSlash(rel), ".png"))
		}
		clips = append(clips, fmt.Sprintf("%d:%s", s.Label(i), strings.Join(names, ",")))
	}
	return strings.Join(clips, " ")
}

func TestRealClips(t *testing.T) {
	s := NewClips()
	s.Train = filepath.Join(filetest.Unpacked(t, "video-clips-64/video-clips-64.tar.gz", func(n string) bool {
		return strings.HasSuffix(n, ".jpg")
	}), "video-clips-64")
	p, err := s.Open(Env{})
	if err != nil {
		t.Fatal(err)
	}
	frames := p.Train.(*clipSet).images.Len() + p.Test.(*clipSet).images.Len()
	if frames != 743 || len(p.Train.Classes()) != 7 || p.Train.(*clipSet).cuts != 0 {
		t.Errorf("%d frames of %q with %d gaps, want 743 of 7 without", frames, p.Train.Classes(),
			p.Train.(*clipSet).cuts)
	}
	clip := make([]Image, p.Train.(ClipSet).Frames())
	if err := p.Train.(ClipSet).Clip(0, clip); err != nil {
		t.Fatal(err)
	}
	for k, m := range clip {
		if m.H != 64 || m.W != 64 {
			t.Errorf("frame %d is %dx%d", k, m.W, m.H)
		}
	}
}

// FuzzCaptions holds that no list does more than fail.
func FuzzCaptions(f *testing.F) {
	for _, s := range []string{"image,caption\na.png,x\n", "{\"image\":\"a.png\",\"caption\":[\"x\",\"\"]}\n",
		"{\"image\":\"../a.png\",\"caption\":\"x\"}", "image,caption\n\"", "\x1f\x8b"} {
		f.Add([]byte(s))
	}
	dir := filetest.QuickDir(f)
	if err := os.WriteFile(filepath.Join(dir, "a.png"), filetest.Encoded(f, ".png", filetest.Picture(2, 2, filetest.Red,
		false)),
		0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, name := range []string{"l.csv", "l.jsonl"} {
			if err := os.WriteFile(filepath.Join(dir, name), in, 0o600); err != nil {
				t.Fatal(err)
			}
			s := NewCaptions()
			s.Train, s.MaxSkipped, s.MaxPixels, s.Memory = name, 1<<20, 1<<10, 1<<16
			p, took, err := filetest.MemoryToOpen(s.Open, Env{BaseDir: dir})
			if took > uint64(8<<20+2000*len(in)) && !bytes.HasPrefix(in, []byte{0x1f, 0x8b}) {
				t.Fatalf("%d bytes took %d bytes of memory (%v)", len(in), took, err)
			}
			if err != nil {
				continue
			}
			for i := range p.Train.Len() {
				if rel, err := filepath.Rel(dir, p.Train.Name(i)); err != nil || !filepath.IsLocal(rel) {
					t.Fatalf("%s is outside", p.Train.Name(i))
				}
				if len(p.Train.(CaptionSet).Captions(i)) == 0 {
					t.Fatalf("%s has no caption", p.Train.Name(i))
				}
			}
		}
	})
}

// Masks of palettes and of 16 bits, with values that are ignored, in memory and on demand.
func TestMaskValues(t *testing.T) {
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
			s := NewMasks()
			s.Train, s.TestFraction, s.Values, s.Ignore, s.Resize,
				s.Memory = filetest.Tree(t, map[string][]byte{"images/a.png": pic, "masks/a.png": c.mask}), 0, c.values,
				c.ignore, resize, 1<<20
			p, err := s.Open(Env{})
			if !filetest.Opens(t, err, c.message) {
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
