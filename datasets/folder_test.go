package datasets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// picture is h x w pixels of one colour.
func picture(h, w int, c color.Color, grey bool) image.Image {
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

// encoded is the picture as a file with the extension of name.
func encoded(t testing.TB, name string, m image.Image) []byte {
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

// tree writes files below a fresh directory.
func tree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listing is "folder/file=label" of a set, without the directory.
func listing(dir string, s Set) []string {
	var out []string
	for i := range s.Len() {
		rel, _ := filepath.Rel(dir, s.Name(i))
		out = append(out, fmt.Sprintf("%s=%d", filepath.ToSlash(rel), s.Label(i)))
	}
	return out
}

var red, white = color.NRGBA{200, 30, 60, 255}, color.NRGBA{255, 255, 255, 255}

func TestFolder(t *testing.T) {
	pic := encoded(t, ".png", picture(6, 8, red, false))
	grey := encoded(t, ".png", picture(6, 8, red, true))
	small := encoded(t, ".png", picture(3, 3, red, false))
	bomb := hugePNG()
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
			files:  map[string][]byte{"b/2.png": pic, "b/10.png": pic, "a/x/y.png": pic, "a/.hidden.png": nil, "b/notes.txt": nil, "readme": nil},
			change: func(f *Folder) { f.TestFraction = 0 },
			train:  []string{"a/x/y.png=0", "b/10.png=1", "b/2.png=1"}, classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "unlabelled root", files: map[string][]byte{"2.png": pic, "1.png": grey},
			change: func(f *Folder) { f.TestFraction = 0 }, train: []string{"1.png=-1", "2.png=-1"}, size: "3 6 8"},
		{name: "unlabelled by setting", files: map[string][]byte{"a/1.png": grey, "2.png": grey},
			change: func(f *Folder) { f.TestFraction, f.Unlabelled = 0, true }, train: []string{"2.png=-1", "a/1.png=-1"}, size: "1 6 8"},
		{name: "test folder", files: map[string][]byte{"tr/a/1.png": pic, "tr/b/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" },
			train:  []string{"tr/a/1.png=0", "tr/b/1.png=1"}, test: []string{"te/b/2.png=1"}, classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "labels in the test folder only", files: map[string][]byte{"tr/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" },
			train:  []string{"tr/1.png=-1"}, test: []string{"te/b/2.png=0"}, classes: []string{"b"}, size: "3 6 8"},
		{name: "sizes differ", files: map[string][]byte{"1.png": pic, "2.png": small},
			change: func(f *Folder) { f.TestFraction = 0 }, train: []string{"1.png=-1", "2.png=-1"}, size: "3 0 0"},
		{name: "resized, grey", files: map[string][]byte{"1.png": pic, "2.png": small},
			change: func(f *Folder) { f.TestFraction, f.Resize, f.Channels = 0, 5, 1 }, train: []string{"1.png=-1", "2.png=-1"}, size: "1 5 5"},
		{name: "bad images within the limit", files: map[string][]byte{"1.png": pic, "2.png": pic[:40], "3.png": nil},
			change: func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 2 }, train: []string{"1.png=-1"}, size: "3 6 8", skipped: 2},
		{name: "bad images above the limit", files: map[string][]byte{"1.png": pic, "2.png": pic[:40], "3.png": nil},
			change: func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 1 }, message: "2 of 3 images are refused, max_skipped allows 1: "},
		{name: "every image bad", files: map[string][]byte{"1.png": nil},
			change: func(f *Folder) { f.MaxSkipped = 5 }, message: "the training set is empty"},
		{name: "a header that claims too much", files: map[string][]byte{"1.png": bomb}, change: func(*Folder) {},
			message: "png header says 60000x60000 pixels, expected 1 to max_pixels"},
		{name: "mixed", files: map[string][]byte{"1.png": pic, "a/2.png": pic}, change: func(*Folder) {}, message: "set unlabelled = true"},
		{name: "empty", files: map[string][]byte{"a/notes.txt": nil}, change: func(*Folder) {}, message: "no images in"},
		{name: "class unknown to training", files: map[string][]byte{"tr/a/1.png": pic, "te/b/2.png": pic},
			change: func(f *Folder) { f.Train, f.Test = "tr", "te" }, message: `class "b" of the test set`},
		{name: "missing", change: func(f *Folder) { f.Train = "nowhere" }, message: "no such file"},
		{name: "no train", change: func(f *Folder) { f.Train = "" }, message: "train is empty"},
		{name: "fraction", change: func(f *Folder) { f.TestFraction = 1 }, message: "test_fraction = 1"},
		{name: "channels", change: func(f *Folder) { f.Channels = 2 }, message: "channels = 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, c.files)
			f := NewFolder()
			f.Train = "."
			c.change(f)
			d, err := f.Open(Env{BaseDir: dir})
			if c.message != "" {
				if err == nil || !strings.Contains(err.Error(), c.message) {
					t.Errorf("got %v, want an error with %q", err, c.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var test []string
			if d.Test != nil {
				test = listing(dir, d.Test)
			}
			train := listing(dir, d.Train)
			if !slices.Equal(train, c.train) || !slices.Equal(test, c.test) || !slices.Equal(d.Train.Classes(), c.classes) {
				t.Errorf("got %q, %q, classes %q; want %q, %q, %q", train, test, d.Train.Classes(), c.train, c.test, c.classes)
			}
			if size := fmt.Sprint(d.Channels, d.Height, d.Width); size != c.size || len(d.Skipped) != c.skipped {
				t.Errorf("got channels, height, width %s and %d skipped (%v), want %s and %d", size, len(d.Skipped), d.Skipped, c.size, c.skipped)
			}
		})
	}
}

// hugePNG is a valid header of 60000 x 60000 pixels with nothing behind it.
func hugePNG() []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
}

func TestFolderFormats(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"1.png", "2.jpg", "3.JPG", "4.gif", "5.bmp", "6.tiff"} {
		files[name] = encoded(t, name, picture(16, 16, white, false))
	}
	files["7.png"] = encoded(t, ".png", picture(16, 16, color.NRGBA{255, 255, 255, 0}, false)) // the colour under alpha 0
	files["8.png"] = encoded(t, ".png", picture(16, 16, white, true))
	f := NewFolder()
	f.Train, f.TestFraction = tree(t, files), 0
	d, err := f.Open(Env{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 8 {
		t.Fatalf("%d images, want 8", d.Train.Len())
	}
	var img Image
	for i := range d.Train.Len() {
		if err := d.Train.Image(i, &img); err != nil {
			t.Fatal(err)
		}
		for k, b := range img.Pix {
			if img.C != 3 || b < 253 { // jpeg rounds
				t.Fatalf("%s: %d channels, byte %d is %d, want 3 channels of white", d.Train.Name(i), img.C, k, b)
			}
		}
	}
}

func TestGreyIsPILsLuma(t *testing.T) {
	m := Image{H: 1, W: 1, C: 3, Pix: []byte{200, 30, 60}}
	m.convert(1)
	// (200*19595 + 30*38470 + 60*7471 + 32768) >> 16
	if want := byte(84); m.Pix[0] != want {
		t.Errorf("grey of 200, 30, 60: got %d, want %d", m.Pix[0], want)
	}
}

func TestFolderSplit(t *testing.T) {
	pic := encoded(t, ".png", picture(2, 2, red, false))
	files := map[string][]byte{"one/1.png": pic}
	for i := range 10 {
		files[fmt.Sprintf("a/%d.png", i)], files[fmt.Sprintf("b/%d.png", i)] = pic, pic
	}
	dir := tree(t, files)
	open := func(seed uint64) (train, test []string) {
		f := NewFolder()
		f.Train, f.TestFraction, f.SplitSeed = dir, 0.3, seed
		d, err := f.Open(Env{})
		if err != nil {
			t.Fatal(err)
		}
		return listing(dir, d.Train), listing(dir, d.Test)
	}
	train, test := open(0)
	perClass := map[byte]int{}
	for _, name := range test {
		perClass[name[0]]++
		if slices.Contains(train, name) {
			t.Errorf("%s is in both sets", name)
		}
	}
	if len(train)+len(test) != 21 || !reflect.DeepEqual(perClass, map[byte]int{'a': 3, 'b': 3}) {
		t.Errorf("%d + %d images, test has %v of a and b; want 15 + 6, 3 of each, and the only image of one in train", len(train), len(test), perClass)
	}
	if again, _ := open(0); !slices.Equal(again, train) {
		t.Errorf("the same seed splits differently: %q, then %q", train, again)
	}
	if other, _ := open(1); slices.Equal(other, train) {
		t.Errorf("seed 1 splits as seed 0: %q", train)
	}
}

// noisy is h x w pixels that differ by seed.
func noisy(h, w, seed int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	r := NewRand(uint64(seed), "noisy")
	for i := range m.Pix {
		m.Pix[i] = byte(r.Intn(256))
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}
