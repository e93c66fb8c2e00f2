package raster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGenerated holds that the committed assembly is what the committed generator writes.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "asmgen")
	if out, err := exec.Command("go", "build", "-C", "../../internal/asmgen", "-o", bin,
		".").CombinedOutput(); err != nil {
		t.Skipf("the generator's module cannot be built here: %v\n%s", err, out)
	}
	asm, stubs := "raster_amd64.s", "raster_stubs_amd64.go"
	cmd := exec.Command(bin, "-family", "raster", "-pkg", "raster", "-out", filepath.Join(dir, asm), "-stubs",
		filepath.Join(dir, stubs))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("asmgen: %v\n%s", err, out)
	}
	for _, name := range []string{asm, stubs} {
		if got, want := body(t, filepath.Join(dir, name)), body(t, name); got != want {
			t.Errorf("%s: %d bytes are committed, the generator writes %d others: run go generate", name, len(want),
				len(got))
		}
	}
}

// body is a generated file without its first line, which names the command and its paths.
func body(t *testing.T, name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	return rest
}
