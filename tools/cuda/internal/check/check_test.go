package check

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake is a binary that writes metrics, other ones on a device.
func fake(t *testing.T, onDevice string) Options {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
echo "$@" >> ` + dir + `/calls
for a; do case $last in --runs) runs=$a;; esac; last=$a; done
case "$*" in
*'hold="1 steps"'*) ;;
*long*) echo 'long.toml:3: [method.m] hold: "1 epoch" is 375 steps, the whole training has 2'; echo '   ^'; exit 1;;
esac
case "$*" in *refuses*train.batch*) echo "too small a batch"; exit 1;; esac
mkdir -p $runs/run
case "$*" in
*device=cuda*) echo '` + onDevice + `' > $runs/run/metrics.jsonl;;
*) echo '{"loss": 2.0, "seconds": 1}' > $runs/run/metrics.jsonl;;
esac
`
	binary := filepath.Join(dir, "experiment")
	if err := os.WriteFile(binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return Options{Binary: binary, Go: func() *exec.Cmd { return exec.Command("true") },
		State: filepath.Join(dir, "state"), Limit: time.Minute, Log: io.Discard}
}

func TestRun(t *testing.T) {
	o := fake(t, `{"loss": 2.001, "seconds": 7}`)
	o.Recipes = []string{"one", "refuses", "long"}
	all, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 5 {
		t.Fatalf("%d parts, want operations, golden and three recipes", len(all))
	}
	for _, r := range all {
		if r.Outcome != agrees {
			t.Errorf("%s: %s", r.Part, r.Outcome)
		}
	}
	if w := all[2].Worst; w < 4e-4 || w > 6e-4 {
		t.Errorf("the worst difference is %v, want 5e-4", w)
	}
	calls := func() int {
		text, _ := os.ReadFile(filepath.Join(filepath.Dir(o.Binary), "calls"))
		return strings.Count(string(text), "\n")
	}
	before := calls()
	if again, err := Run(o); err != nil || len(again) != 5 {
		t.Fatalf("again: %d parts, %v", len(again), err)
	}
	if calls() != before {
		t.Error("what was done is done again")
	}
	var table strings.Builder
	if err := Write(&table, "a device", all); err != nil || !strings.Contains(table.String(), "5 of 5 parts agree") {
		t.Errorf("%v:\n%s", err, table.String())
	}
}

func TestDifferences(t *testing.T) {
	for metrics, want := range map[string]string{
		`{"loss": 2.1, "seconds": 7}`: "differs",
		`{"seconds": 7}`:              "differs: step 1: loss is 0, on the processor 2",
		``:                            "differs: ",
	} {
		o := fake(t, metrics)
		if err := os.MkdirAll(o.State, 0o755); err != nil {
			t.Fatal(err)
		}
		if r := o.recipe("one"); !strings.HasPrefix(r.Outcome, want) {
			t.Errorf("%s: the outcome is %q, want %q", metrics, r.Outcome, want)
		}
	}
}
