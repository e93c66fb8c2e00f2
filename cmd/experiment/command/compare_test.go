package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment/compare"
)

// ablate trains a recipe and a change of it over two seeds; compare and diff say of its folders what it said.
func TestAblateCompareDiff(t *testing.T) {
	root := t.TempDir()
	base := filepath.Join(t.TempDir(), "base.toml")
	if err := os.WriteFile(base, []byte(`base = "quickstart.toml"
name = "base"
baselines.pixels = false
subset.few_shot.per_class = 8
backbone.convnet.widths = [8, 16]
method.simclr.projector = [16, 8]
[train]
batch = 16
length = "2 steps"
[evaluate]
linear = false
`), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"ablate", base, "--set", "method.simclr.temperature=0.5", "--seeds", "2", "--runs", root}
	status, out, errs := call(append(args, "--dry-run")...)
	folders := strings.Fields(out)
	if status != 0 || len(folders) != 4 || folders[3] != filepath.Join(root, "base", "simclr.temperature=0.5-2") {
		t.Fatalf("--dry-run: status %d, %s%s", status, out, errs)
	}
	t.Setenv("COLUMNS", "300")
	status, out, errs = call(args...)
	for _, want := range []string{"knn k=20 top1\n", "less base", "\nsimclr.temperature=0.5          0.5      2  0."} {
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("status %d, want %q in\n%s%s", status, want, out, errs)
		}
	}
	if strings.Contains(out, "top5") {
		t.Errorf("more than the first metric of knn:\n%s", out)
	}
	status, again, errs := call(append([]string{"compare"}, folders...)...)
	if status != 0 || again != out {
		t.Errorf("compare: status %d,\n%s%s, want what ablate said:\n%s", status, again, errs, out)
	}
	status, again, _ = call("compare", filepath.Join(root, "base"), "--against", "base", "--measure", "knn.top5",
		"--measure", "untrained.knn", "--json")
	var tables []compare.Table
	if err := json.Unmarshal([]byte(again), &tables); status != 0 || err != nil || len(tables) != 2 ||
		len(tables[1].Rows) != 2 || tables[0].Base != "base" || tables[1].Keys[0] != "method.simclr.temperature" {
		t.Fatalf("compare --json: status %d, %v: %s", status, err, again)
	}
	for _, row := range tables[1].Rows { // the untrained encoder is the same for every temperature
		if d := row.Difference; len(row.Seeds) != 2 || (row.Run == "base") != (d == nil) ||
			d != nil && (d.Mean != 0 || d.Verdict != compare.WithinNoise) {
			t.Errorf("the untrained encoders: %+v, %+v", row, d)
		}
	}

	status, out, errs = call("diff", folders[0], folders[1])
	for _, want := range []string{"method.simclr.temperature  0.2", "quickstart.toml:21 -> --set\n",
		"a: base-1 (seed 1), base-2 (seed 2)\n", "\nevaluation     ", "b-a ", "95 %", "\nknn k=20 top1  0."} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("diff: status %d, want %q in\n%s%s", status, want, out, errs)
		}
	}
	status, out, _ = call("diff", folders[0], folders[1], "--alone")
	if status != 0 || strings.Contains(out, "a: base-1") || !strings.Contains(out, "* of one pair of runs") {
		t.Errorf("diff --alone: status %d,\n%s", status, out)
	}
	status, out, _ = call("diff", folders[0], folders[2], "--json") // two seeds of the base
	var diff struct {
		Changes  []struct{ Key string }
		Outcomes []compare.Outcome
	}
	if err := json.Unmarshal([]byte(out), &diff); status != 0 || err != nil || len(diff.Changes) != 1 ||
		len(diff.Outcomes) == 0 || diff.Outcomes[0].Of != "test images" || diff.Outcomes[0].Seeds != 0 {
		t.Errorf("diff of two seeds: status %d, %v,\n%s", status, err, out)
	}

	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"compare", root + "/base", "--against", "x"}, 2,
			"--against x: none of the runs is called that; want one of base, simclr.temperature=0.5"},
		{[]string{"compare", root + "/base", "--measure", "linear"}, 3, "none of the runs has the result linear"},
		{[]string{"compare", t.TempDir()}, 3, "is no run folder and holds none"},
		{[]string{"compare", root + "/nowhere"}, 3, "nowhere"},
		{[]string{"compare", root + "/base", "--where", "nam=base"}, 2, "no run has nam, did you mean name?"},
		{[]string{"compare", root + "/base", "--where", "name"}, 2, "want =, !="},
		{[]string{"compare", root + "/base", "--where", "name=x"}, 3, "none of the runs fulfils --where name=x"},
		{[]string{"compare"}, 2, "usage: "},
		{[]string{"ablate", base, "--runs", root}, 2, "nothing changes"},
		{[]string{"diff", root, folders[0]}, 2, "recipe.resolved.toml"},
	} {
		if status, _, errs := call(c.args...); status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %s; want %d and %q", c.args, status, errs, c.status, c.want)
		}
	}
}
