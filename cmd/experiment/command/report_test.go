package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportRecipe trains in a second.
const reportRecipe = `base = "quickstart.toml"
name = "small"
subset.few_shot.per_class = 8
backbone.convnet.widths = [8, 16]
method.simclr.projector = [16, 8]
[train]
batch = 16
length = "2 epochs"
[evaluate]
linear = false
`

// A run leaves its page, and report writes the same one again, or one of several runs.
func TestReport(t *testing.T) {
	root := t.TempDir()
	recipe := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(recipe, []byte(reportRecipe), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, seed := range []string{"1", "2"} {
		args := []string{"run", recipe, "--runs", root, "--name", "s" + seed, "--set", "seed=" + seed}
		if status, _, errs := call(args...); status != 0 {
			t.Fatal(errs)
		}
	}
	own := filepath.Join(root, "s1", "report.html")
	before, err := os.ReadFile(own)
	if err != nil || !strings.Contains(string(before), `"name":"s1"`) ||
		!strings.Contains(string(before), "knn k=20 top1") {
		t.Fatalf("%v: the run's own page does not tell its results", err)
	}
	status, out, errs := call("report", filepath.Join(root, "s1"))
	after, err := os.ReadFile(own)
	if status != 0 || strings.TrimSpace(out) != own || err != nil || string(after) != string(before) {
		t.Errorf("status %d, %s%s %v: another page than at the run's end", status, out, errs, err)
	}
	both := filepath.Join(t.TempDir(), "both.html")
	status, out, errs = call("report", root, "-o", both)
	text, err := os.ReadFile(both)
	if status != 0 || err != nil || !strings.Contains(string(text), `"keys":["seed"]`) {
		t.Errorf("status %d, %s%s %v: want a page of two runs that differ in the seed", status, out, errs, err)
	}
	if status, _, _ = call("report", root, "--where", "seed=7"); status != badData {
		t.Errorf("no run: status %d, want %d", status, badData)
	}
}
