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
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var red, white = color.NRGBA{200, 30, 60, 255}, color.NRGBA{255, 255, 255, 255}

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
func listing(dir string, s Labelled) []string {
	var out []string
	for i := range s.Len() {
		rel, _ := filepath.Rel(dir, s.Name(i))
		out = append(out, fmt.Sprintf("%s=%d", filepath.ToSlash(rel), s.Label(i)))
	}
	return out
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

// hugePNG is a valid header of 60000 x 60000 pixels with nothing behind it.
func hugePNG() []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = binary.BigEndian.AppendUint32(chunk, 60000)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
}

// opens reports whether a source opened, as it is to where message is empty; elsewhere its error must hold the message.
func opens(t *testing.T, err error, message string) bool {
	t.Helper()
	switch {
	case message == "" && err != nil:
		t.Fatal(err)
	case message != "" && (err == nil || !strings.Contains(err.Error(), message)):
		t.Fatalf("got %v, want %q", err, message)
	}
	return err == nil
}

// heap is the memory in use by Go values.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// quickDir is a folder in memory where the system has one: a fuzz target that goes through files is ten times as fast
// there.
func quickDir(f *testing.F) string {
	dir, err := os.MkdirTemp("/dev/shm", "selfsup-fuzz-")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// memoryOf is how many bytes of memory f takes in all. It counts small values when the span that they share is full,
// and costs less than a microsecond, so that fuzzing may ask each time.
func memoryOf(f func()) uint64 {
	taken := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before := taken()
	f()
	return taken() - before
}

// memoryToOpen opens a source and tells what that takes.
func memoryToOpen[D any](open func(Env) (D, error), env Env) (d D, took uint64, err error) {
	took = memoryOf(func() { d, err = open(env) })
	return d, took, err
}
