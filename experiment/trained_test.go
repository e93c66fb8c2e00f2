package experiment_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// A run folder that lacks a part, or is of a run that goes on, says so to whoever wants its encoder.
func TestTrainedOfBrokenFolders(t *testing.T) {
	r, err := recipes.Load("quickstart.toml", []string{"backbone={convnet={widths=[8]}}", "method.simclr.projector=[8]",
		"train.batch=32", `train.length="2 steps"`, "evaluate.knn=false", "evaluate.linear=false"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	edit := func(name, from, to string) func(dir string) {
		return func(dir string) {
			path := filepath.Join(dir, filepath.FromSlash(name))
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(text, []byte(from)) {
				t.Fatalf("%s has no %s (%v)", name, from, err)
			}
			if err := os.WriteFile(path, bytes.Replace(text, []byte(from), []byte(to), 1), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	without := func(name string) func(dir string) {
		return func(dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name, want string
		spoil      func(dir string)
	}{
		{"whole", "", func(string) {}},
		{"no status", "is no run folder", without("run.json")},
		{"no checkpoint", "has no checkpoint yet", without("checkpoints")},
		{"no recipe", "lacks recipe.resolved.toml", without("recipe.resolved.toml")},
		{"another backbone", "did you mean convnet", edit("recipe.resolved.toml", "backbone.convnet]",
			"backbone.convnot]")},
		{"other widths", "this recipe builds [3,3,1,9]", edit("recipe.resolved.toml", "widths = [8]", "widths = [9]")},
		{"cut", "damaged or cut", edit("checkpoints/last", "SSLCKPT1", "SSLCKPT1x")},
		{"running", "", edit("run.json", `"done"`, `"running"`)},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(dir, os.DirFS(sum.Run)); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "checkpoints", "previous"))
		c.spoil(dir)
		var said strings.Builder
		_, _, err := experiment.OpenTrained("embed", dir, false, recipes.Builtin(), experiment.Options{Messages: &said})
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case (c.name == "running") != strings.Contains(said.String(),
			"is still running, or was killed: its encoder is that of step 2 of 2"):
			t.Errorf("%s: it said %q", c.name, said.String())
		}
	}
}
