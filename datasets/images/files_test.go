package images

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/setting"
)

func TestFolderFormats(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"1.png", "2.jpg", "3.JPG", "4.gif", "5.bmp", "6.tiff"} {
		files[name] = filetest.Encoded(t, name, filetest.Picture(16, 16, filetest.White, false))
	}
	// the colour under alpha 0
	files["7.png"] = filetest.Encoded(t, ".png", filetest.Picture(16, 16, color.NRGBA{255, 255, 255, 0}, false))
	files["8.png"] = filetest.Encoded(t, ".png", filetest.Picture(16, 16, filetest.White, true))
	f := NewFolder()
	f.Train, f.TestFraction = filetest.Tree(t, files), 0
	d, err := f.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 8 {
		t.Fatalf("%d images, want 8", d.Train.Len())
	}
	var img datasets.Image
	for i := range d.Train.Len() {
		if err := d.Train.(datasets.Set).Image(i, &img); err != nil {
			t.Fatal(err)
		}
		for k, b := range img.Pix {
			if img.C != 3 || b < 253 { // jpeg rounds
				t.Fatalf("%s: %d channels, byte %d is %d, want 3 channels of white", d.Train.Name(i), img.C, k, b)
			}
		}
	}
}

func TestFolderSplit(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(2, 2, filetest.Red, false))
	files := map[string][]byte{"one/1.png": pic}
	for i := range 10 {
		files[fmt.Sprintf("a/%d.png", i)], files[fmt.Sprintf("b/%d.png", i)] = pic, pic
	}
	dir := filetest.Tree(t, files)
	open := func(seed uint64) (train, test []string) {
		f := NewFolder()
		f.Train, f.TestFraction, f.SplitSeed = dir, 0.3, seed
		d, err := f.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return filetest.Listing(dir, d.Train), filetest.Listing(dir, d.Test)
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
		t.Errorf("%d + %d images, test has %v of a and b; want 15 + 6, 3 of each, and the only image of one in train",
			len(train), len(test), perClass)
	}
	if again, _ := open(0); !slices.Equal(again, train) {
		t.Errorf("the same seed splits differently: %q, then %q", train, again)
	}
	if other, _ := open(1); slices.Equal(other, train) {
		t.Errorf("seed 1 splits as seed 0: %q", train)
	}
}

// Links and special files: what leads back and what cannot be read is named.
func TestFolderLinks(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(4, 4, filetest.Red, false))
	for _, c := range []struct {
		name, target, link string // link -> target, relative to the folder
		train              []string
		message            string
	}{
		{"to itself", ".", "a/loop", nil, "a/loop leads back to"},
		{"to the folder above", "..", "a/b/up", nil, "a/b/up leads back to"},
		{"to a class", "../a", "c/same", []string{"a/1.png=0", "a/b/2.png=0", "c/same/1.png=1", "c/same/b/2.png=1"},
			""},
		{"to a file", "../a/1.png", "c/other.png", []string{"a/1.png=0", "a/b/2.png=0", "c/other.png=1"}, ""},
		{"to nowhere", "nothing.png", "a/gone.png", nil, "a/gone.png: no such file or directory"},
		{"link to a device", "/dev/zero", "a/zero.png", nil, "a/zero.png: not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, map[string][]byte{"a/1.png": pic, "a/b/2.png": pic})
			link := filepath.Join(dir, c.link)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(c.target, link); err != nil {
				t.Skip(err)
			}
			f := NewFolder()
			f.Train, f.TestFraction = dir, 0
			d, err := f.Open(datasets.Env{})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			if got := filetest.Listing(dir, d.Train); !slices.Equal(got, c.train) {
				t.Errorf("got %q, want %q", got, c.train)
			}
		})
	}
}

// A set that is decoded on demand, by several goroutines at a time and after a larger image, is the set in memory.
func TestFolderOnDemand(t *testing.T) {
	files := map[string][]byte{}
	for i := range 12 {
		files[fmt.Sprintf("c%d/%02d.png", i%2, i)] = filetest.Encoded(t, ".png", filetest.Noisy(9+i%5, 8+i%3, i))
	}
	dir := filetest.Tree(t, files)
	for _, resize := range []int{0, 6} {
		open := func(memory setting.Size, verify bool) *datasets.Data {
			f := NewFolder()
			f.Train, f.Resize, f.Memory, f.Verify, f.Channels = dir, resize, memory, verify, 1
			d, err := f.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		kept := open(1<<20, true)
		for _, lazy := range []*datasets.Data{open(0, true), open(100, false)} {
			if !slices.Equal(filetest.Listing(dir, kept.Train), filetest.Listing(dir, lazy.Train)) ||
				!slices.Equal(filetest.Listing(dir, kept.Test), filetest.Listing(dir, lazy.Test)) {
				t.Errorf("the sets differ: %q, %q", filetest.Listing(dir, kept.Train),
					filetest.Listing(dir, lazy.Train))
			}
			if lazy.Train.(*fileSet).images != nil || kept.Train.(*fileSet).images == nil {
				t.Error("the wrong set is kept in memory")
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					var a, b datasets.Image
					for i := range kept.Train.Len() {
						if err := kept.Train.(datasets.Set).Image(i, &a); err != nil {
							t.Error(err)
						}
						if err := lazy.Train.(datasets.Set).Image(i, &b); err != nil || !bytes.Equal(a.Pix, b.Pix) ||
							a.H != b.H || a.W != b.W {
							t.Errorf("resize %d, image %d differs (%v)", resize, i, err)
						}
						if h, w, c := lazy.Train.(datasets.Shaped).Shape(i); h != b.H || w != b.W || c != b.C {
							t.Errorf("resize %d, image %d: shape %d %d %d, image %d %d %d", resize, i, h, w, c, b.H,
								b.W, b.C)
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
	pic := filetest.Encoded(t, ".jpg", filetest.Picture(6, 8, filetest.Red, false))
	dir := filetest.Tree(t, map[string][]byte{"a/1.jpg": pic})
	for _, memory := range []setting.Size{0, 1 << 20} {
		f := NewFolder()
		f.Train, f.Memory = dir, memory
		d, err := f.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		set := d.Train.(datasets.Encoded)
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
