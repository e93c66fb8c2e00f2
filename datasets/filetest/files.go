package filetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/internal/shared"
)

// Unpacked is the files of a .tar.gz of the real data, those that keep chooses, below a fresh folder.
func Unpacked(t testing.TB, archive string, keep func(name string) bool) string {
	t.Helper()
	f, err := os.Open(shared.Data(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && keep(h.Name) && !strings.Contains(h.Name, "..") {
			if files[h.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Tree(t, files)
}

// Tree writes files below a fresh directory.
func Tree(t testing.TB, files map[string][]byte) string {
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

// sampled is what a listing tells of a set.
type sampled interface {
	Len() int
	Label(i int) int
	Name(i int) string
}

// Listing is "folder/file=label" of a set, without the directory.
func Listing(dir string, s sampled) []string {
	var out []string
	for i := range s.Len() {
		rel, _ := filepath.Rel(dir, s.Name(i))
		out = append(out, fmt.Sprintf("%s=%d", filepath.ToSlash(rel), s.Label(i)))
	}
	return out
}

// Opens reports whether a source opened, as it is to where message is empty; elsewhere its error must hold the message.
func Opens(t *testing.T, err error, message string) bool {
	t.Helper()
	switch {
	case message == "" && err != nil:
		t.Fatal(err)
	case message != "" && (err == nil || !strings.Contains(err.Error(), message)):
		t.Fatalf("got %v, want %q", err, message)
	}
	return err == nil
}

// QuickDir is a folder in memory where the system has one: a fuzz target that goes through files is ten times as fast
// there.
func QuickDir(f *testing.F) string {
	dir, err := os.MkdirTemp("/dev/shm", "selfsup-fuzz-")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Tar spells a tar of files in the given order: name, content, name, content ...
func Tar(t testing.TB, pairs ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		var content []byte
		switch c := pairs[i+1].(type) {
		case string:
			content = []byte(c)
		case []byte:
			content = c
		}
		h := &tar.Header{Name: pairs[i].(string), Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if link, ok := pairs[i+1].(tar.Header); ok {
			h = &link
			h.Name = pairs[i].(string)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Gzip is bytes compressed.
func Gzip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}
