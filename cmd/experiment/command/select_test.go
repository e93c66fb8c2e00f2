package command

import (
	"encoding/json"
	"math"
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
	train := func(to string, sets ...string) string {
		t.Helper()
		args := []string{"run", base, "--run-dir", to}
		for _, set := range sets {
			args = append(args, "--set", set)
		}
		if status, _, errs := call(args...); status != 0 {
			t.Fatal(errs)
		}
		return to
	}
	for _, temperature := range []string{"0.1", "1.0"} {
		dirs = append(dirs, train(filepath.Join(runs, "t"+temperature), "method.simclr.temperature="+temperature))
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
	second := train(filepath.Join(t.TempDir(), "second"), "method.simclr.temperature=1.0", "seed=2", "name=other")
	status, out, errs = call("select", runs, second, "--by", "rankme", "--json")
	var seeded experiment.Selection
	if err := json.Unmarshal([]byte(out), &seeded); status != 0 || err != nil || len(seeded.Candidates) != 2 {
		t.Fatalf("two seeds: status %d, %v: %s%s", status, err, out, errs)
	}
	alone := func(dir string) (rank, accuracy float64) {
		sum, err := experiment.ReadSummary(dir)
		if err != nil {
			t.Fatal(err)
		}
		rank, _ = sum.Measure("trained", "rankme rankme")
		accuracy, _ = sum.Measure("trained", "knn top1")
		return rank, accuracy
	}
	for _, c := range seeded.Candidates {
		if c.Name != dirs[1] {
			continue
		}
		r1, a1 := alone(dirs[1])
		r2, a2 := alone(second)
		if len(c.Seeds) != 2 || c.Seeds[1] != 2 || math.Abs(c.Values["rankme"]-(r1+r2)/2) > 1e-9 ||
			math.Abs(*c.Accuracy-(a1+a2)/2) > 1e-9 || c.Interval[0] >= *c.Accuracy || c.Interval[1] <= *c.Accuracy {
			t.Errorf("two seeds: %+v (%v), want the means of %v, %v and of %v, %v", c, *c.Accuracy, r1, r2, a1, a2)
		}
	}
	if _, out, _ := call("select", runs, second); !strings.Contains(out, "t1.0 (2 seeds)") {
		t.Errorf("a table without seeds:\n%s", out)
	}
	again := train(filepath.Join(t.TempDir(), "again"), "method.simclr.temperature=0.1")
	for want, args := range map[string][]string{
		"have the same settings and seed 1": {dirs[0], again},
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
