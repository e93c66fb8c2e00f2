// Package shared finds the real data that tests and benchmarks read. They lie beside the repository and are no part of
// it.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder is the environment variable that names the folder of the real data; without it the folder is ../shared/data
// of the repository's root.
const Folder = "SELFSUP_DATA"

// Data is the path of a file or folder of the real data, given with slashes. The test is skipped where it is absent.
func Data(t testing.TB, path string) string {
	t.Helper()
	folder := os.Getenv(Folder)
	if folder == "" {
		root, err := root()
		if err != nil {
			t.Fatal(err)
		}
		folder = filepath.Join(root, "..", "shared", "data")
	}
	p := filepath.Join(folder, filepath.FromSlash(path))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no real data: %v; %s names their folder", err, Folder)
	}
	return p
}

// root is the folder of go.mod, above the folder of the test's package.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil || at == filepath.Dir(at) {
			return at, err
		}
	}
}
