package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
)

// select chooses among runs by what needs no labels; its errors are of the data, and name what there is.
func TestSelectVerb(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base.toml")
	if err := os.WriteFile(base, []byte(`base = "quickstart.toml"
subset.few_shot.per_class = 8
backbone.convnet.widths = [8, 16]
method.simclr.projector = [16, 8]
[train]
batch = 16
length = "2 steps"
[baselines]
pixels = false
untrained = false
[evaluate]
linear = false
rankme = true
spread = true
`), 0o666); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(t.TempDir(), "runs")
	var dirs []string
	for _, temperature := range []string{"0.1", "1.0"} {
		dirs = append(dirs, filepath.Join(runs, "t"+temperature))
		if status, _, errs := call("run", base, "--set", "method.simclr.temperature="+temperature, "--run-dir",
			dirs[len(dirs)-1]); status != 0 {
			t.Fatal(errs)
		}
	}
	status, out, errs := call(append([]string{"select"}, dirs...)...)
	for _, want := range []string{"candidate", "t0.1", "method.simclr.temperature=1.0", "oracle", "rankme", "spread",
		"knn k=20 top1", "regret", "Kendall's tau"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, want %q in\n%s%s", status, want, out, errs)
		}
	}
	status, out, errs = call("select", runs, "--by", "rankme", "--oracle", "knn.top5", "--json")
	var s experiment.Selection
	if err := json.Unmarshal([]byte(out), &s); status != 0 || err != nil || len(s.Choices) != 1 ||
		s.Choices[0].By != "rankme" || s.Oracle != "knn k=20 top5" || len(s.Candidates) != 2 ||
		*s.Choices[0].Regret < 0 {
		t.Errorf("--json: status %d, %v: %s%s", status, err, out, errs)
	}
	for want, args := range map[string][]string{
		"--by lidar: the candidates have no such number in common; they have rankme, spread": {dirs[0], dirs[1], "--by",
			"lidar"},
		"fewer than two moments": {dirs[0]},
		"is no run folder":       {dirs[0], t.TempDir()},
	} {
		if status, _, errs := call(append([]string{"select"}, args...)...); status != badData || !strings.Contains(errs,
			want) {
			t.Errorf("select %v: status %d, %s; want %q", args, status, errs, want)
		}
	}
	if status, _, errs := call("select"); status != wrongUse || !strings.Contains(errs, "usage") {
		t.Errorf("select of nothing: status %d, %s", status, errs)
	}
}
