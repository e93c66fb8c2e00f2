package ptx

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed PTX is what the compiler makes of the sources, byte for byte, and none is left of a source that is
// gone.
func TestCommittedPTX(t *testing.T) {
	if _, err := exec.LookPath(Compiler); err != nil {
		t.Skip(ErrNoCompiler)
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	folder := Folder(root)
	sources, _ := filepath.Glob(filepath.Join(folder, "*.cu"))
	made, _ := filepath.Glob(filepath.Join(folder, "*.ptx"))
	if len(sources) == 0 || len(made) != len(sources) {
		t.Errorf("%d sources and %d files of PTX", len(sources), len(made))
	}
	for _, s := range sources {
		want, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(strings.TrimSuffix(s, ".cu") + ".ptx")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the committed PTX differs (%v); run go run ./tools/cuda ptx", filepath.Base(s), err)
		}
	}
}

// A source that does not compile is an error with the compiler's words.
func TestCompileFails(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.cu")
	if err := os.WriteFile(bad, []byte("not C++"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Compile(bad)
	if err == nil || !errors.Is(err, ErrNoCompiler) && !strings.Contains(err.Error(), "bad.cu") {
		t.Errorf("the error is %v", err)
	}
}
