package kern

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestGenerated holds that the committed assembly is what the committed generator writes.
func TestGenerated(t *testing.T) {
	if testing.Short() || runtime.GOARCH != "amd64" {
		t.Skip("builds and runs the generator, on amd64")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "asmgen")
	if out, err := exec.Command("go", "build", "-C", "../../../internal/asmgen", "-o", bin,
		".").CombinedOutput(); err != nil {
		t.Skipf("the generator's module cannot be built here: %v\n%s", err, out)
	}
	for _, family := range []string{"tile", "pair", "scatter", "winograd", "vec", "row", "block", "widen",
		"attention"} {
		asm, stubs := family+"_amd64.s", family+"_stubs_amd64.go"
		cmd := exec.Command(bin, "-family", family, "-pkg", "kern", "-out", filepath.Join(dir, asm), "-stubs",
			filepath.Join(dir, stubs))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("asmgen -family %s: %v\n%s", family, err, out)
		}
		for _, name := range []string{asm, stubs} {
			got, want := body(t, filepath.Join(dir, name)), body(t, name)
			if got != want {
				t.Errorf("%s: %d bytes are committed, the generator writes %d others: run go generate", name, len(want),
					len(got))
			}
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
