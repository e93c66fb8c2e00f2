package datasets

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is a path of the real data beside the repository, which is no part of it; the test is skipped where that is
// absent.
func shared(t testing.TB, path string) string {
	t.Helper()
	p := filepath.Join("..", "..", "shared", "data", filepath.FromSlash(path))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no real data: %v", err)
	}
	return p
}

// unpacked is the files of a .tar.gz of the real data, those that keep chooses, below a fresh folder.
func unpacked(t testing.TB, archive string, keep func(name string) bool) string {
	t.Helper()
	f, err := os.Open(shared(t, archive))
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
	return tree(t, files)
}
