package command

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The module in examples/mine, which has one of everything that can come from outside, builds without the network,
// trains, and stays short enough to read.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	dir, err := filepath.Abs("../../../examples/mine")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files in %s (%v), want one of each kind", len(files), dir, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n >= 80 {
			t.Errorf("%s has %d lines, want fewer than 80", filepath.Base(f), n)
		}
	}
	run := func(name string, args ...string) []byte {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, errs.Bytes())
		}
		return out
	}
	binary := filepath.Join(t.TempDir(), "mine")
	run("go", "vet", ".")
	run("go", "build", "-o", binary, ".")
	var sum struct {
		State       string
		Evaluations []struct {
			Protocol, Representation string
			Value                    float64
		}
	}
	if err := json.Unmarshal(run(binary, "run", "mine.toml", "--runs", t.TempDir(), "--json"), &sum); err != nil {
		t.Fatal(err)
	}
	knn := map[string]float64{}
	margins := 0
	for _, e := range sum.Evaluations {
		switch e.Protocol {
		case "knn":
			knn[e.Representation] = e.Value
		case "margin":
			margins++
		}
	}
	if sum.State != "done" || margins != 3 || !(knn["trained"] > knn["untrained"]+0.03) {
		t.Errorf("%s, kNN %v, %d margins; want done, the trained encoder ahead, and a margin of each representation",
			sum.State, knn, margins)
	}
}
