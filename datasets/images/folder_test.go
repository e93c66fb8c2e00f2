package images

import (
	"fmt"
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

func TestFolder(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(6, 8, filetest.Red, false))
	grey := filetest.Encoded(t, ".png", filetest.Picture(6, 8, filetest.Red, true))
	small := filetest.Encoded(t, ".png", filetest.Picture(3, 3, filetest.Red, false))
	bomb := filetest.HugePNG()
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Folder)
		train   []string // in order
		test    []string
		classes []string
		size    string // channels, height, width
		skipped int
		message string
	}{
		{name: "classes sorted by name, nested files, other files passed over",
			files: map[string][]byte{"b/2.png": pic, "b/10.png": pic, "a/x/y.png": pic, "a/.hidden.png": nil,
				"b/notes.txt": nil, "readme": nil},
			change: func(f *Folder) { f.TestFraction = 0 },
			train:  []string{"a/x/y.png=0", "b/10.png=1", "b/2.png=1"}, classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "unlabelled root", files: map[string][]byte{"2.png": pic, "1.png": grey},
			change: func(f *Folder) { f.TestFraction = 0 }, train: []string{"1.png=-1", "2.png=-1"}, size: "3 6 8"},
		{name: "unlabelled by setting", files: map[string][]byte{"a/1.png": grey, "2.png": grey},
			change: func(f *Folder) { f.TestFraction, f.Unlabelled = 0, true },
			train:  []string{"2.png=-1", "a/1.png=-1"}, size: "1 6 8"},
		{name: "test folder", files: map[string][]byte{"tr/a/1.png": pic, "tr/b/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" },
			train:  []string{"tr/a/1.png=0", "tr/b/1.png=1"}, test: []string{"te/b/2.png=1"},
			classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "labels in the test folder only", files: map[string][]byte{"tr/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" },
			train:  []string{"tr/1.png=-1"}, test: []string{"te/b/2.png=0"}, classes: []string{"b"}, size: "3 6 8"},
		{name: "sizes differ", files: map[string][]byte{"1.png": pic, "2.png": small},
			change: func(f *Folder) { f.TestFraction = 0 }, train: []string{"1.png=-1", "2.png=-1"}, size: "3 0 0"},
		{name: "resized, grey", files: map[string][]byte{"1.png": pic, "2.png": small},
			change: func(f *Folder) { f.TestFraction, f.Resize, f.Channels = 0, 5, 1 },
			train:  []string{"1.png=-1", "2.png=-1"}, size: "1 5 5"},
		{name: "bad images within the limit", files: map[string][]byte{"1.png": pic, "2.png": pic[:40], "3.png": nil},
			change: func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 2 }, train: []string{"1.png=-1"}, size: "3 6 8",
			skipped: 2},
		{name: "bad images above the limit", files: map[string][]byte{"1.png": pic, "2.png": pic[:40], "3.png": nil},
			change:  func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 1 },
			message: "2 of 3 images are refused, max_skipped allows 1: "},
		{name: "every image bad", files: map[string][]byte{"1.png": nil},
			change: func(f *Folder) { f.MaxSkipped = 5 }, message: "every training image is refused: "},
		{name: "a header that claims too much", files: map[string][]byte{"1.png": bomb}, change: func(*Folder) {},
			message: "png header says 60000x60000 pixels, want 1 to max_pixels"},
		{name: "mixed", files: map[string][]byte{"1.png": pic, "a/2.png": pic}, change: func(*Folder) {},
			message: "set unlabelled = true"},
		{name: "empty", files: map[string][]byte{"a/notes.txt": nil}, change: func(*Folder) {},
			message: "no images in"},
		{name: "class unknown to training", files: map[string][]byte{"tr/a/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" }, message: `class "b" of the test set`},
		{name: "root with train and val", files: map[string][]byte{"tr/train/a/1.png": pic, "tr/train/b/1.png": pic,
			"tr/val/b/2.png": pic, "tr/test/3.png": pic},
			change: func(f *Folder) { f.Train, f.Root = "", "tr" },
			train:  []string{"tr/train/a/1.png=0", "tr/train/b/1.png=1"}, test: []string{"tr/val/b/2.png=1"},
			classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "root with train and test", files: map[string][]byte{"train/a/1.png": pic, "test/a/2.png": pic},
			change: func(f *Folder) { f.Train, f.Root = "", "." },
			train:  []string{"train/a/1.png=0"}, test: []string{"test/a/2.png=0"}, classes: []string{"a"},
			size: "3 6 8"},
		{name: "root with train alone is split", files: map[string][]byte{"train/a/1.png": pic, "train/a/2.png": pic},
			change: func(f *Folder) { f.Train, f.Root, f.TestFraction = "", ".", 0.5 },
			train:  []string{"train/a/1.png=0"}, test: []string{"train/a/2.png=0"}, classes: []string{"a"},
			size: "3 6 8"},
		{name: "classes of two folders", files: map[string][]byte{"x/dog/1.png": pic, "x/cat/deep/1.png": pic,
			"y/dog/1.png": pic},
			change:  func(f *Folder) { f.TestFraction, f.ClassDepth = 0, 2 },
			train:   []string{"x/cat/deep/1.png=0", "x/dog/1.png=1", "y/dog/1.png=2"},
			classes: []string{"x/cat", "x/dog", "y/dog"}, size: "3 6 8"},
		{name: "above its class", files: map[string][]byte{"x/dog/1.png": pic, "x/1.png": pic},
			change:  func(f *Folder) { f.ClassDepth = 2 },
			message: "x/1.png is 1 folders deep, class_depth = 2"},
		{name: "train and val as classes", files: map[string][]byte{"train/a/1.png": pic, "val/a/2.png": pic},
			change:  func(*Folder) {},
			message: `which would be its classes; write root = "." in place of train`},
		{name: "root and train", change: func(f *Folder) { f.Root = "x" }, message: "want root or the other two"},
		{name: "empty class", files: map[string][]byte{"a/1.png": pic, "b/notes.txt": nil}, change: func(*Folder) {},
			message: "class b of"},
		{name: "classes that differ in case", files: map[string][]byte{"Dog/1.png": pic, "dog/1.png": pic},
			change:  func(*Folder) {},
			message: "holds the classes Dog and dog, which differ in case alone"},
		{name: "class without a good image", files: map[string][]byte{"a/1.png": pic, "b/1.png": nil},
			change:  func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 1 },
			message: `every training image of class "b" is refused`},
		{name: "on demand", files: map[string][]byte{"1.png": pic, "2.png": grey, "3.png": pic[:40]},
			change: func(f *Folder) { f.TestFraction, f.Memory, f.MaxSkipped = 0, 0, 1 },
			train:  []string{"1.png=-1", "2.png=-1"}, size: "3 6 8", skipped: 1},
		{name: "on demand, headers alone", files: map[string][]byte{"1.png": pic, "2.png": pic[:20]},
			change: func(f *Folder) { f.TestFraction, f.Memory, f.MaxSkipped, f.Verify = 0, 0, 1, false },
			train:  []string{"1.png=-1"}, size: "3 6 8", skipped: 1},
		{name: "memory", change: func(f *Folder) { f.Memory = -1 }, message: "memory = -1B, want at least 0B"},
		{name: "max_pixels", change: func(f *Folder) { f.MaxPixels = 0 }, message: "max_pixels = 0, want 1 to"},
		{name: "max_skipped", change: func(f *Folder) { f.MaxSkipped = -1 }, message: "max_skipped = -1"},
		{name: "missing", change: func(f *Folder) { f.Train = "nowhere" }, message: "no such file"},
		{name: "no train", change: func(f *Folder) { f.Train = "" }, message: "train is empty"},
		{name: "fraction", change: func(f *Folder) { f.TestFraction = 1 }, message: "test_fraction = 1"},
		{name: "channels", change: func(f *Folder) { f.Channels = 2 }, message: "channels = 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			f := NewFolder()
			f.Train = "."
			c.change(f)
			d, err := f.Open(datasets.Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			var test []string
			if d.Test != nil {
				test = filetest.Listing(dir, d.Test)
			}
			train := filetest.Listing(dir, d.Train)
			if !slices.Equal(train, c.train) || !slices.Equal(test, c.test) || !slices.Equal(d.Train.Classes(),
				c.classes) {
				t.Errorf("got %q, %q, classes %q; want %q, %q, %q", train, test, d.Train.Classes(), c.train, c.test,
					c.classes)
			}
			if size := fmt.Sprint(d.Channels, d.Height, d.Width); size != c.size || len(d.Skipped) != c.skipped {
				t.Errorf("got channels, height, width %s and %d skipped (%v), want %s and %d", size, len(d.Skipped),
					d.Skipped, c.size, c.skipped)
			}
		})
	}
}
