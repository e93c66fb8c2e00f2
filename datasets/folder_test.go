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
	"sync"
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
		{name: "root with train and val", files: map[string][]byte{"tr/train/a/1.png": pic, "tr/train/b/1.png": pic, "tr/val/b/2.png": pic, "tr/test/3.png": pic},
			change: func(f *Folder) { f.Train, f.Root = "", "tr" },
			train:  []string{"tr/train/a/1.png=0", "tr/train/b/1.png=1"}, test: []string{"tr/val/b/2.png=1"}, classes: []string{"a", "b"}, size: "3 6 8"},
		{name: "root with train and test", files: map[string][]byte{"train/a/1.png": pic, "test/a/2.png": pic},
			change: func(f *Folder) { f.Train, f.Root = "", "." },
			train:  []string{"train/a/1.png=0"}, test: []string{"test/a/2.png=0"}, classes: []string{"a"}, size: "3 6 8"},
		{name: "root with train alone is split", files: map[string][]byte{"train/a/1.png": pic, "train/a/2.png": pic},
			change: func(f *Folder) { f.Train, f.Root, f.TestFraction = "", ".", 0.5 },
			train:  []string{"train/a/1.png=0"}, test: []string{"train/a/2.png=0"}, classes: []string{"a"}, size: "3 6 8"},
		{name: "classes of two folders", files: map[string][]byte{"x/dog/1.png": pic, "x/cat/deep/1.png": pic, "y/dog/1.png": pic},
			change: func(f *Folder) { f.TestFraction, f.ClassDepth = 0, 2 },
			train:  []string{"x/cat/deep/1.png=0", "x/dog/1.png=1", "y/dog/1.png=2"}, classes: []string{"x/cat", "x/dog", "y/dog"}, size: "3 6 8"},
		{name: "above its class", files: map[string][]byte{"x/dog/1.png": pic, "x/1.png": pic}, change: func(f *Folder) { f.ClassDepth = 2 },
			message: "x/1.png is 1 folders deep, class_depth = 2"},
		{name: "train and val as classes", files: map[string][]byte{"train/a/1.png": pic, "val/a/2.png": pic}, change: func(*Folder) {},
			message: `which would be its classes; write root = "." in place of train`},
		{name: "root and train", change: func(f *Folder) { f.Root = "x" }, message: "expected root or the other two"},
		{name: "empty class", files: map[string][]byte{"a/1.png": pic, "b/notes.txt": nil}, change: func(*Folder) {}, message: "class b of"},
		{name: "classes that differ in case", files: map[string][]byte{"Dog/1.png": pic, "dog/1.png": pic}, change: func(*Folder) {},
			message: "holds the classes Dog and dog, which differ in case alone"},
		{name: "class without a good image", files: map[string][]byte{"a/1.png": pic, "b/1.png": nil},
			change: func(f *Folder) { f.TestFraction, f.MaxSkipped = 0, 1 }, message: `every training image of class "b" is refused`},
		{name: "on demand", files: map[string][]byte{"1.png": pic, "2.png": grey, "3.png": pic[:40]},
			change: func(f *Folder) { f.TestFraction, f.Memory, f.MaxSkipped = 0, 0, 1 }, train: []string{"1.png=-1", "2.png=-1"}, size: "3 6 8", skipped: 1},
		{name: "on demand, headers alone", files: map[string][]byte{"1.png": pic, "2.png": pic[:20]},
			change: func(f *Folder) { f.TestFraction, f.Memory, f.MaxSkipped, f.Verify = 0, 0, 1, false }, train: []string{"1.png=-1"}, size: "3 6 8", skipped: 1},
		{name: "memory", change: func(f *Folder) { f.Memory = -1 }, message: "memory = -1B, expected at least 0B"},
		{name: "max_pixels", change: func(f *Folder) { f.MaxPixels = 0 }, message: "max_pixels = 0, expected 1 to"},
		{name: "max_skipped", change: func(f *Folder) { f.MaxSkipped = -1 }, message: "max_skipped = -1"},
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

// Links and special files: what leads back and what cannot be read is named.
func TestFolderLinks(t *testing.T) {
	pic := encoded(t, ".png", picture(4, 4, red, false))
	for _, c := range []struct {
		name, target, link string // link -> target, relative to the folder
		train              []string
		message            string
	}{
		{"to itself", ".", "a/loop", nil, "a/loop leads back to"},
		{"to the folder above", "..", "a/b/up", nil, "a/b/up leads back to"},
		{"to a class", "../a", "c/same", []string{"a/1.png=0", "a/b/2.png=0", "c/same/1.png=1", "c/same/b/2.png=1"}, ""},
		{"to a file", "../a/1.png", "c/other.png", []string{"a/1.png=0", "a/b/2.png=0", "c/other.png=1"}, ""},
		{"to nowhere", "nothing.png", "a/gone.png", nil, "a/gone.png: no such file or directory"},
		{"link to a device", "/dev/zero", "a/zero.png", nil, "a/zero.png: not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tree(t, map[string][]byte{"a/1.png": pic, "a/b/2.png": pic})
			link := filepath.Join(dir, c.link)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(c.target, link); err != nil {
				t.Skip(err)
			}
			f := NewFolder()
			f.Train, f.TestFraction = dir, 0
			d, err := f.Open(Env{})
			if c.message != "" {
				if err == nil || !strings.Contains(err.Error(), c.message) {
					t.Errorf("got %v, want %q", err, c.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := listing(dir, d.Train); !slices.Equal(got, c.train) {
				t.Errorf("got %q, want %q", got, c.train)
			}
		})
	}
}

// A set that is decoded on demand, by several goroutines at a time and after a larger image, is the set in memory.
func TestFolderOnDemand(t *testing.T) {
	files := map[string][]byte{}
	for i := range 12 {
		files[fmt.Sprintf("c%d/%02d.png", i%2, i)] = encoded(t, ".png", noisy(9+i%5, 8+i%3, i))
	}
	dir := tree(t, files)
	for _, resize := range []int{0, 6} {
		open := func(memory Size, verify bool) *Data {
			f := NewFolder()
			f.Train, f.Resize, f.Memory, f.Verify, f.Channels = dir, resize, memory, verify, 1
			d, err := f.Open(Env{})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		kept := open(1<<20, true)
		for _, lazy := range []*Data{open(0, true), open(100, false)} {
			if !slices.Equal(listing(dir, kept.Train), listing(dir, lazy.Train)) || !slices.Equal(listing(dir, kept.Test), listing(dir, lazy.Test)) {
				t.Errorf("the sets differ: %q, %q", listing(dir, kept.Train), listing(dir, lazy.Train))
			}
			if lazy.Train.(*fileSet).images != nil || kept.Train.(*fileSet).images == nil {
				t.Error("the wrong set is kept in memory")
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					var a, b Image
					for i := range kept.Train.Len() {
						if err := kept.Train.Image(i, &a); err != nil {
							t.Error(err)
						}
						if err := lazy.Train.Image(i, &b); err != nil || !bytes.Equal(a.Pix, b.Pix) || a.H != b.H || a.W != b.W {
							t.Errorf("resize %d, image %d differs (%v)", resize, i, err)
						}
						if h, w, c := lazy.Train.(Shaped).Shape(i); h != b.H || w != b.W || c != b.C {
							t.Errorf("resize %d, image %d: shape %d %d %d, image %d %d %d", resize, i, h, w, c, b.H, b.W, b.C)
						}
					}
				}()
			}
			wg.Wait()
		}
	}
}

// The bytes of a sample are its file, in the caller's memory where it fits.
func TestFolderBytes(t *testing.T) {
	pic := encoded(t, ".jpg", picture(6, 8, red, false))
	dir := tree(t, map[string][]byte{"a/1.jpg": pic})
	for _, memory := range []Size{0, 1 << 20} {
		f := NewFolder()
		f.Train, f.Memory = dir, memory
		d, err := f.Open(Env{})
		if err != nil {
			t.Fatal(err)
		}
		set := d.Train.(Encoded)
		buf := make([]byte, 0, len(pic)+10)
		got, err := set.Bytes(0, buf)
		if err != nil || !bytes.Equal(got, pic) || &got[0] != &buf[:1][0] {
			t.Errorf("memory %v: %d bytes (%v), want the %d of the file in the buffer", memory, len(got), err, len(pic))
		}
		if got, err := set.Bytes(0, nil); err != nil || !bytes.Equal(got, pic) {
			t.Errorf("memory %v, no buffer: %d bytes (%v), want %d", memory, len(got), err, len(pic))
		}
		if _, err := set.Bytes(1, nil); err == nil {
			t.Error("sample 1 of 1: no error")
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1GiB": 1 << 30, "512 MiB": 512 << 20, "0B": 0, "1.5KiB": 1536, "100kB": 100_000, "17": 17} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: got %d (%v), want %d", text, s, err, want)
		}
		var again Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%d is written %s and read %d (%v)", s, s, again, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1B", "1.5B", "1XB", "9999999TiB", "nanB"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, s)
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
