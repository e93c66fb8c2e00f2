package images

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// idx spells an IDX file of unsigned bytes.
func idx(data []byte, shape ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(shape))}
	for _, d := range shape {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, data...)
}

func ramp(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestReadIDX(t *testing.T) {
	good := idx(ramp(12), 3, 2, 2)
	z := filetest.Gzip(good)
	corrupt := slices.Clone(z)
	corrupt[len(corrupt)-8] ^= 1 // the checksum
	for _, c := range []struct {
		name, message string
		in            []byte
	}{
		{"plain", "", good},
		{"gzip", "", z},
		{"no images", "", idx(nil, 0, 28, 28)},
		{"empty file", "0 bytes, want an IDX header", nil},
		{"not IDX", "begins with 89 50 4e 47", []byte("\x89PNG\r\n")},
		{"floats", "element type 0x0d, want 0x08", []byte{0, 0, 13, 1, 0, 0, 0, 0}},
		{"no dimensions", "0 dimensions, want 1 to 4", []byte{0, 0, 8, 0}},
		{"header cut", "the header ends at size 2 of 3", good[:10]},
		{"data cut", "11 bytes of data, the header [3 2 2] claims 12: the file is truncated", good[:len(good)-1]},
		{"too much data", "more data than the 12 bytes", append(slices.Clone(good), 0)},
		{"gzip cut", "truncated", z[:len(z)-9]},
		{"gzip checksum", "invalid checksum", corrupt},
		{"gzip header", "gzip header", []byte{0x1f, 0x8b, 9}},
		{"absurd size", "claims more than", idx(nil, 1<<31, 1<<31, 1<<31)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := ReadIDX(bytes.NewReader(c.in), "some.file")
			switch {
			case c.message == "" && err != nil:
				t.Errorf("% x: got error %v", c.in, err)
			case c.message == "" && len(a.Data) != 0 && !bytes.Equal(a.Data, ramp(12)):
				t.Errorf("% x: got %v", c.in, a.Data)
			case c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message) ||
				!strings.Contains(err.Error(), "some.file")):
				t.Errorf("% x: got %v, want some.file and %q", c.in, err, c.message)
			}
		})
	}
}

func TestIDXHeaderCostsNoMemory(t *testing.T) {
	in := idx(ramp(100), 1<<16, 1<<10, 1<<9)
	got := filetest.MemoryOf(func() {
		if _, err := ReadIDX(bytes.NewReader(in), "x"); err == nil {
			t.Fatal("read 32 GiB out of 116 bytes")
		}
	})
	if got > 1<<20 {
		t.Errorf("a header that claims 32 GiB took %d bytes of memory, want below 1 MiB", got)
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idx(ramp(12), 3, 2, 2))
	f.Add(filetest.Gzip(idx(ramp(24), 2, 2, 2, 3)))
	f.Add(idx(ramp(5), 5))
	f.Add(idx(nil, 1<<31, 1<<31, 1<<31, 1<<31))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := ReadIDX(bytes.NewReader(in), "fuzz")
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if len(a.Data) != n {
			t.Fatalf("% x: shape %v with %d bytes", in, a.Shape, len(a.Data))
		}
		m, err := idxSet("fuzz", a, "", nil, nil)
		if err != nil {
			return
		}
		var img datasets.Image
		for i := range min(m.Len(), 3) {
			if err := m.Image(i, &img); err != nil || len(img.Pix) != img.H*img.W*img.C {
				t.Fatalf("% x: image %d is %dx%dx%d with %d bytes (%v)", in, i, img.H, img.W, img.C, len(img.Pix), err)
			}
		}
	})
}

func TestIDXSource(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("x", idx(ramp(12), 3, 2, 2))
	write("y.gz", filetest.Gzip(idx([]byte{1, 0, 1}, 3)))
	write("rgb", idx(ramp(24), 2, 2, 2, 3))
	write("y2", idx([]byte{2, 0}, 2))
	write("flat", idx(ramp(4), 2, 2))
	write("none", idx(nil, 0, 2, 2))
	for _, c := range []struct {
		name, message string
		in            IDX
		channels      int
		classes       []string
		label         int // of the first image
	}{
		{"labelled", "", IDX{TrainImages: "x", TrainLabels: "y.gz"}, 1, []string{"0", "1"}, 1},
		{"named", "", IDX{TrainImages: "x", TrainLabels: "y.gz", Classes: []string{"cat", "dog"}}, 1,
			[]string{"cat", "dog"}, 1},
		{"unlabelled colour", "", IDX{TrainImages: "rgb"}, 3, nil, -1},
		{"classes of both sets", "", IDX{TrainImages: "x", TrainLabels: "y.gz", TestImages: "x", TestLabels: "y.gz"}, 1,
			[]string{"0", "1"}, 1},
		{"no path", "train_images is empty", IDX{}, 0, nil, 0},
		{"missing", "no such file", IDX{TrainImages: "nowhere"}, 0, nil, 0},
		{"too few labels", "shape [2], want labels [3] for the 3 images of x", IDX{TrainImages: "x", TrainLabels: "y2"},
			0, nil, 0},
		{"label out of range", "label 2 of image 0, want 0 to 1", IDX{TrainImages: "rgb", TrainLabels: "y2",
			Classes: []string{"a", "b"}}, 0, nil, 0},
		{"images without height", "shape [2 2], want images [N,H,W]", IDX{TrainImages: "flat"}, 0, nil, 0},
		{"empty", "the training set is empty", IDX{TrainImages: "none"}, 0, nil, 0},
		{"grey and colour", "3 channels", IDX{TrainImages: "x", TestImages: "rgb"}, 0, nil, 0},
		{"labels alone", "without test_images", IDX{TrainImages: "x", TestLabels: "y2"}, 0, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := c.in.Open(datasets.Env{BaseDir: dir})
			if c.message != "" {
				if err == nil || !strings.Contains(err.Error(), c.message) {
					t.Errorf("%+v: got %v, want an error with %q", c.in, err, c.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Channels != c.channels || d.Height != 2 || d.Width != 2 || !slices.Equal(d.Train.Classes(),
				c.classes) || d.Train.Label(0) != c.label {
				t.Errorf("%+v: got %d channels, %dx%d, classes %q, label %d; want %d, 2x2, %q, %d", c.in, d.Channels,
					d.Height, d.Width,
					d.Train.Classes(), d.Train.Label(0), c.channels, c.classes, c.label)
			}
			var img datasets.Image
			if err := d.Train.(datasets.Set).Image(1, &img); err != nil ||
				!bytes.Equal(img.Pix, ramp(8 * c.channels)[4*c.channels:]) {
				t.Errorf("image 1: got %v (%v)", img.Pix, err)
			}
		})
	}
}
