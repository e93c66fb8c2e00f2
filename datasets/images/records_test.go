package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/setting"
)

// tarball is files in sorted order; gz packs it.
func tarball(t testing.TB, files map[string][]byte, gz bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])),
			Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !gz {
		return b.Bytes()
	}
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	g.Write(b.Bytes())
	g.Close()
	return z.Bytes()
}

// cifarRecord is labels, then planes in which pixel (y,x) of channel c is y+2x+50c+seed.
func cifarRecord(seed int, labels ...byte) []byte {
	b := labels
	for c := range 3 {
		for i := range 32 * 32 {
			b = append(b, byte(i/32+2*(i%32)+50*c+seed))
		}
	}
	return b
}

// cifar10 is a set of two images a batch, one of class 3 and one of class batch.
func cifar10() map[string][]byte {
	files := map[string][]byte{}
	for i := range 5 {
		files[fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i+1)] = append(cifarRecord(i, 3),
			cifarRecord(i+100, byte(i))...)
	}
	files["cifar-10-batches-bin/test_batch.bin"] = cifarRecord(7, 9)
	return files
}

func TestCIFAR10(t *testing.T) {
	files := cifar10()
	dir := filetest.Tree(t, files)
	odd := map[string][]byte{}
	for name, b := range files {
		odd["[x/"+name] = b
	}
	write := func(name string, b []byte) string {
		p := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, s := range map[string]CIFAR10{
		"folder": {Records{Path: filepath.Join(dir, "cifar-10-batches-bin"), Memory: 1 << 20,
			Partial: true}},
		"folder above": {Records{Path: dir, Memory: 1 << 20, Partial: true}},
		"on demand":    {Records{Path: dir, Partial: true}},
		"tar.gz": {Records{Path: write("c.tar.gz", tarball(t, files, true)), Memory: 1 << 20,
			Partial: true}},
		"tar": {Records{Path: write("c.tar", tarball(t, files, false)), Memory: 1 << 20,
			Partial: true}},
		"a folder with a [name": {Records{Path: filepath.Join(filetest.Tree(t, odd), "[x"), Memory: 1 << 20,
			Partial: true}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := s.Open(datasets.Env{BaseDir: filepath.Dir(dir)})
			if err != nil {
				t.Fatal(err)
			}
			var labels []int
			for i := range d.Train.Len() {
				labels = append(labels, d.Train.Label(i))
			}
			if want := []int{3, 0, 3, 1, 3, 2, 3, 3, 3, 4}; !slices.Equal(labels, want) || d.Test.Len() != 1 ||
				d.Test.Label(0) != 9 || d.Train.Classes()[9] != "truck" {
				t.Errorf("labels %v, %d test images; want %v and one truck", labels, d.Test.Len(), want)
			}
			if d.Channels != 3 || d.Height != 32 || d.Width != 32 {
				t.Errorf("%d channels, %dx%d; want 3, 32x32", d.Channels, d.Height, d.Width)
			}
			var m datasets.Image
			for _, i := range []int{9, 0} { // image 9: seed 104
				if err := d.Train.(datasets.Set).Image(i, &m); err != nil {
					t.Fatal(err)
				}
				seed := 104 * i / 9
				for at, v := range m.Pix {
					p, c := at/3, at%3
					if want := byte(p/32 + 2*(p%32) + 50*c + seed); v != want {
						t.Fatalf("image %d, byte %d: got %d, want %d", i, at, v, want)
					}
				}
			}
			if got := d.Train.Name(9); !strings.HasSuffix(got, "data_batch_5.bin[1]") {
				t.Errorf("name %q, want data_batch_5.bin[1]", got)
			}
			if err := d.Train.(datasets.Set).Image(10, &m); err == nil {
				t.Error("image 10 of 10: no error")
			}
		})
	}
}

func TestCIFAR10Faults(t *testing.T) {
	for _, c := range []struct {
		name, message string
		change        func(map[string][]byte)
	}{
		{"a batch is missing", "holds no data_batch_3.bin", func(f map[string][]byte) {
			delete(f, "cifar-10-batches-bin/data_batch_3.bin")
		}},
		{"cut", "6145 bytes, want a multiple of 3073", func(f map[string][]byte) {
			f["cifar-10-batches-bin/data_batch_2.bin"] = f["cifar-10-batches-bin/data_batch_2.bin"][:6145]
		}},
		{"empty", "0 bytes, want a multiple of 3073", func(f map[string][]byte) {
			f["cifar-10-batches-bin/test_batch.bin"] = nil
		}},
		{"wrong label", "data_batch_1.bin: label 10 of image 1, want 0 to 9", func(f map[string][]byte) {
			f["cifar-10-batches-bin/data_batch_1.bin"][3073] = 10
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := cifar10()
			c.change(files)
			s := NewCIFAR10()
			s.Path, s.Partial = filetest.Tree(t, files), true
			if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %v, want %q", err, c.message)
			}
		})
	}
	archive := tarball(t, cifar10(), true)
	for _, c := range []struct {
		name, message string
		in            []byte
		memory        setting.Size
	}{
		{"too large for memory", "take more than memory = 20KB; unpack the archive", archive, 20000},
		{"gzip cut", "the file is truncated", archive[:len(archive)/2], 1 << 20},
		{"no archive", "byte 512: archive/tar: invalid tar header; want a tar file (or a folder of its files)",
			bytes.Repeat([]byte("x"), 2000), 1 << 20},
		{"empty", "the file is truncated", nil, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.tar.gz")
			if err := os.WriteFile(path, c.in, 0o644); err != nil {
				t.Fatal(err)
			}
			s := CIFAR10{Records{Path: path, Memory: c.memory, Partial: true}}
			if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), c.message) ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %s and %q", err, path, c.message)
			}
		})
	}
	if _, err := NewCIFAR10().Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), "path is empty") {
		t.Errorf("no path: got %v", err)
	}
}

func TestCIFAR100(t *testing.T) {
	names := strings.Repeat("x\n", 19) + "last\n"
	files := map[string][]byte{
		"train.bin": append(cifarRecord(0, 19, 99), cifarRecord(1, 0, 50)...), "test.bin": cifarRecord(2, 3, 4),
		"coarse_label_names.txt": []byte(names),
	}
	for _, c := range []struct {
		labels  string
		label   int
		name    string
		message string
	}{
		{labels: "fine", label: 99, name: "99"},
		{labels: "coarse", label: 19, name: "last"},
		{labels: "both", message: `labels = "both", want "fine" or "coarse"`},
	} {
		s := NewCIFAR100()
		s.Path, s.Labels, s.Partial = filetest.Tree(t, files), c.labels, true
		d, err := s.Open(datasets.Env{})
		if c.message != "" {
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got %v, want %q", err, c.message)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Train.Label(0); got != c.label || d.Train.Classes()[got] != c.name {
			t.Errorf("%s: label %d, want %d, %q", c.labels, got, c.label, c.name)
		}
	}
}

func TestSTL10(t *testing.T) {
	const size = 3 * 96 * 96
	image := func(seed int) []byte { // pixel (y,x) of channel c is y+3x+40c+seed
		b := make([]byte, 0, size)
		for c := range 3 {
			for i := range 96 * 96 {
				b = append(b, byte(i%96+3*(i/96)+40*c+seed))
			}
		}
		return b
	}
	files := map[string][]byte{
		"stl10_binary/train_X.bin": append(image(0), image(1)...), "stl10_binary/train_y.bin": {1, 10},
		"stl10_binary/test_X.bin": image(2), "stl10_binary/test_y.bin": {5},
		"stl10_binary/unlabeled_X.bin": append(image(3), append(image(4), image(5)...)...),
	}
	for _, memory := range []setting.Size{0, 1 << 30} {
		for part, want := range map[string][]int{"train": {0, 9}, "unlabeled": {-1, -1, -1},
			"train+unlabeled": {0, 9, -1, -1, -1}} {
			s := STL10{Records{Path: filetest.Tree(t, files), Memory: memory, Partial: true}, part}
			d, err := s.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for i := range d.Train.Len() {
				got = append(got, d.Train.Label(i))
			}
			if !slices.Equal(got, want) || d.Test.Label(0) != 4 {
				t.Errorf("%s: labels %v, %d; want %v, 4", part, got, d.Test.Label(0), want)
			}
			var m datasets.Image
			if err := d.Train.(datasets.Set).Image(len(want)-1, &m); err != nil {
				t.Fatal(err)
			}
			seed := 5
			if part == "train" {
				seed = 1
			}
			for at, v := range m.Pix {
				p, c := at/3, at%3
				if want := byte(p/96 + 3*(p%96) + 40*c + seed); v != want {
					t.Fatalf("%s: byte %d: got %d, want %d", part, at, v, want)
				}
			}
		}
	}
	for message, change := range map[string]func(map[string][]byte, *STL10){
		"holds no unlabeled_X.bin": func(f map[string][]byte, _ *STL10) {
			delete(f, "stl10_binary/unlabeled_X.bin")
		},
		"label 11 of image 1, want 1 to 10": func(f map[string][]byte, s *STL10) {
			f["stl10_binary/train_y.bin"], s.Train = []byte{1, 11}, "train"
		},
		"label 0 of image 0, want 1 to 10": func(f map[string][]byte, s *STL10) {
			f["stl10_binary/test_y.bin"] = []byte{0}
		},
		"3 labels, want 2 for the images of": func(f map[string][]byte, s *STL10) {
			f["stl10_binary/train_y.bin"], s.Train = []byte{1, 2, 3}, "train"
		},
		`train = "all", want "train"`: func(_ map[string][]byte, s *STL10) { s.Train = "all" },
		"27647 bytes, want a multiple of 27648 (one im": func(f map[string][]byte, s *STL10) {
			f["stl10_binary/test_X.bin"] = image(0)[1:]
		},
	} {
		f, s := maps.Clone(files), NewSTL10()
		s.Partial = true
		change(f, s)
		s.Path = filetest.Tree(t, f)
		if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want %q", err, message)
		}
	}
}

// A file that was cut between two images is refused, with what it holds and what was published; partial = true says
// that it is meant.
func TestRecordsCutBetweenImages(t *testing.T) {
	stl := map[string][]byte{"train_X.bin": make([]byte, 2*3*96*96), "train_y.bin": {1, 2},
		"test_X.bin": make([]byte, 3*96*96), "test_y.bin": {1}}
	hundred := map[string][]byte{"train.bin": append(cifarRecord(0, 1, 2), cifarRecord(1, 3, 4)...),
		"test.bin": cifarRecord(2, 3, 4)}
	for _, c := range []struct {
		message string
		open    func(partial bool) error
	}{
		{"data_batch_1.bin: 6146 bytes are 2 images, the published file has 10000: it is cut, or another; set " +
			"partial = true", func(partial bool) error {
			s := NewCIFAR10()
			s.Path, s.Partial = filetest.Tree(t, cifar10()), partial
			_, err := s.Open(datasets.Env{})
			return err
		}},
		{"train.bin: 6148 bytes are 2 images, the published file has 50000", func(partial bool) error {
			s := NewCIFAR100()
			s.Path, s.Partial = filetest.Tree(t, hundred), partial
			_, err := s.Open(datasets.Env{})
			return err
		}},
		{"train_X.bin: 55296 bytes are 2 images, the published file has 5000", func(partial bool) error {
			s := NewSTL10()
			s.Path, s.Partial, s.Train = filetest.Tree(t, stl), partial, "train"
			_, err := s.Open(datasets.Env{})
			return err
		}},
	} {
		if err := c.open(false); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("got %v, want %q", err, c.message)
		}
		if err := c.open(true); err != nil {
			t.Errorf("partial: %v", err)
		}
	}
}

// FuzzBundle holds that no archive does more than fail.
func FuzzBundle(f *testing.F) {
	small := map[string][]byte{"a/train.bin": cifarRecord(0, 1, 2), "a/test.bin": cifarRecord(1, 3, 4)}
	f.Add(tarball(f, small, false))
	f.Add(tarball(f, small, true))
	f.Add(tarball(f, map[string][]byte{"train.bin": {1}}, true)[:40])
	dir := filetest.QuickDir(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		path := filepath.Join(dir, "in")
		if err := os.WriteFile(path, in, 0o600); err != nil {
			t.Fatal(err)
		}
		s := CIFAR100{Records{Path: path, Memory: 1 << 16, Partial: true}, "fine"}
		d, err := s.Open(datasets.Env{})
		if err != nil {
			return
		}
		var m datasets.Image
		for i := range d.Train.Len() {
			if err := d.Train.(datasets.Set).Image(i, &m); err != nil || d.Train.Label(i) >= 100 {
				t.Fatalf("image %d, label %d: %v", i, d.Train.Label(i), err)
			}
		}
	})
}
