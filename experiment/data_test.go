package experiment_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"selfsup/datasets/images/pack"
	"selfsup/experiment/inspect"
	"selfsup/recipes"
)

// A run on a pack ends with the same bits and the same evaluation as one on what was packed.
func TestRunOnPack(t *testing.T) {
	d, err := inspect.OpenData("quickstart.toml", nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i, ".pack"))
		if _, err := d.WritePack(t.Context(), path, pack.Options{}); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("packing twice gives different bytes")
	}
	want, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := train(t, load(t, small, fmt.Sprintf("dataset.pack.path=%q", filepath.Join(dir, "0.pack"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := final(t, got.Run), final(t, want.Run); a != b {
		t.Errorf("the run on the pack ends with %s, that on its source with %s", a, b)
	}
	if a, b := values(got), values(want); a != b {
		t.Errorf("evaluations on the pack %s, on its source %s", a, b)
	}
}
