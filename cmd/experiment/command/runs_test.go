package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"selfsup/experiment"
)

// runs lists what is in a folder of runs, and what --set changed in each, a choice included.
func TestRuns(t *testing.T) {
	root := t.TempDir()
	start := func(sets ...string) {
		args := []string{"run", "quickstart.toml", "--runs", root}
		for _, s := range sets {
			args = append(args, "--set", s)
		}
		if status, _, errs := call(args...); status != 0 {
			t.Fatalf("run: status %d: %s", status, errs)
		}
	}
	mlp := []string{`backbone="mlp"`, "backbone.mlp.widths=[8, 16]", "train.batch=64", `train.length="2 steps"`,
		"method.simclr.projector=[8]", "evaluate.linear=false"}
	start(mlp...)
	start(append(slices.Clone(tiny[1:2]), "train.batch=64", `train.length="3 steps"`, "evaluate.knn=false",
		"evaluate.linear=false")...)
	if err := os.Mkdir(filepath.Join(root, "notes"), 0o777); err != nil { // no run
		t.Fatal(err)
	}

	status, out, errs := call("runs", root, "--json")
	var list []struct {
		Run, State  string
		Step, Steps int
		Sets        []string
		Evaluations []struct{ Representation string }
	}
	if err := json.Unmarshal([]byte(out), &list); status != 0 || err != nil || len(list) != 2 {
		t.Fatalf("status %d, %v, %s%s", status, err, out, errs)
	}
	// Sets are as the recipe has them, in its order; each loads again.
	want := []string{"backbone.mlp.widths=[8, 16]", "method.simclr.projector=[8]", "train.batch=64",
		`train.length="2 steps"`, "evaluate.linear=false"}
	got := slices.Sorted(slices.Values(list[0].Sets))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) || list[0].State != "done" || list[0].Step != 2 ||
		list[0].Steps != 2 || len(list[0].Evaluations) == 0 {
		t.Errorf("the first run is %+v, want the sets %q", list[0], want)
	}
	if list[1].Steps != 3 || len(list[1].Evaluations) != 0 {
		t.Errorf("the second run is %+v", list[1])
	}

	for where, want := range map[string]int{"method=simclr": 2, "knn>=0": 1, "train.length='3 steps' and seed=1": 1,
		"backbone=mlp and not state=done": 0} {
		var found []experiment.Past
		status, out, errs := call("runs", root, "--json", "--where", where)
		if err := json.Unmarshal([]byte(out), &found); status != 0 || err != nil || len(found) != want {
			t.Errorf("--where %s: status %d, %s%s; want %d runs", where, status, out, errs, want)
		}
	}
	status, out, errs = call("runs", root, "--where", "backbone=mlp and not state=done")
	if status != 0 || out != "" ||
		!strings.Contains(errs, "none of the 2 runs in") {
		t.Errorf("nothing found: status %d, %s%s", status, out, errs)
	}
	for where, want := range map[string]string{"methd=simclr": "did you mean method?", "method": "want =, !=, <"} {
		if status, _, errs := call("runs", root, "--where", where); status != 2 || !strings.Contains(errs, want) {
			t.Errorf("--where %s: status %d, %s; want 2 and %q", where, status, errs, want)
		}
	}
	broken := filepath.Join(root, "broken")
	if err := os.Mkdir(broken, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "run.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := call("runs", root); status != 0 || !strings.Contains(out, "unreadable") ||
		!strings.Contains(errs, "unreadable: "+broken+" is no run folder: unexpected end of JSON input") {
		t.Errorf("a broken folder: status %d, %s%s", status, out, errs)
	}
	if err := os.RemoveAll(broken); err != nil {
		t.Fatal(err)
	}

	// The second run's process is gone: its state says so.
	dir := list[1].Run
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `"done"`, `"running"`, 1))
	if err := os.WriteFile(filepath.Join(dir, "run.json"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "heartbeat"), long, long); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COLUMNS", "70")
	status, out, _ = call("runs", root)
	for _, part := range []string{"done     2/2  knn k=20 top1 0.", "killed    3/3 ",
		"\n    backbone.mlp.widths=[8, 16]\n", "\n    train.length=\"3 steps\"\n"} {
		if squeezed := strings.Join(strings.Fields(out), " "); !strings.Contains(squeezed,
			strings.Join(strings.Fields(part), " ")) {
			t.Errorf("want %q in\n%s", part, out)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if len([]rune(line)) > 90 { // the names of runs are long
			t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
		}
	}
	if status != 0 {
		t.Errorf("status %d", status)
	}

	if status, out, errs := call("runs", t.TempDir()); status != 0 || out != "" ||
		!strings.Contains(errs, "no runs in") {
		t.Errorf("an empty folder: status %d %s%s", status, out, errs)
	}
	if status, out, _ := call("runs", t.TempDir(), "--json"); status != 0 || out != "[]\n" {
		t.Errorf("an empty folder: status %d %s", status, out)
	}
	if status, _, errs := call("runs", filepath.Join(root, "nowhere")); status != 3 ||
		!strings.Contains(errs, "nowhere") {
		t.Errorf("no folder: status %d %s", status, errs)
	}
}
