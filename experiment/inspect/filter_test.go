package inspect_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/recipes"
)

const captionedScenes = `
name = "captioned"
[dataset.scenes]
count = 60
held = 20
size = 16
[backbone.convnet]
widths = [4]
[method.clip]
dim = 4
[method.clip.text.symbols]
dim = 4
hidden = []
[optimizer.adamw]
[train]
batch = 20
length = "2 steps"
probe = false
`

// The best share of the pairs is a list that a recipe takes as its base, and a table has all of them, the best first.
func TestFilter(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "captioned.toml")
	if err := os.WriteFile(file, []byte(captionedScenes), 0o666); err != nil {
		t.Fatal(err)
	}
	load := func(file string, sets ...string) *recipes.Loaded {
		r, err := recipes.Load(file, sets, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	o := experiment.Options{Root: dir, Messages: io.Discard}
	sum, err := experiment.Run(load(file, "captions.wrong=0.5"), o)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "clean.toml")
	got, err := inspect.Filter(context.Background(), sum.Run, inspect.FilterOptions{Keep: 0.4, To: to},
		recipes.Builtin(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Pairs != 60 || got.Kept != 24 || got.Wrong != 30 || got.WrongKept > 24 {
		t.Errorf("got %+v, want 24 of 60 pairs, of which 30 are wrong", got)
	}
	if report := got.Report(to); !strings.Contains(report, "30 of all (50.0 %)") {
		t.Errorf("the report is %s", report)
	}
	table, err := os.ReadFile(got.List)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) != 61 || lines[0] != "row,name,caption,similarity" {
		t.Fatalf("the table has %d lines and begins %q", len(lines), lines[0])
	}
	list, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines[1:] {
		row, _, _ := strings.Cut(line, ",")
		if in := strings.Contains(string(list), " "+row+","); in != (i < 24) {
			t.Errorf("line %d, row %s: listed %v", i+1, row, in)
		}
	}
	next := filepath.Join(dir, "next.toml")
	if err := os.WriteFile(next, append([]byte("base = \"captioned.toml\"\n"), list...), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := experiment.Open(load(next))
	if err != nil {
		t.Fatal(err)
	}
	if s.Seen.Len() != 24 {
		t.Errorf("the recipe trains on %d pairs, want 24", s.Seen.Len())
	}
	for keep, to := range map[float64]string{0: "x.toml", 1.5: "x.toml", 0.5: "x.pack"} {
		if _, err := inspect.Filter(context.Background(), sum.Run, inspect.FilterOptions{Keep: keep, To: to},
			recipes.Builtin(), o); err == nil {
			t.Errorf("keep %v into %s is not refused", keep, to)
		}
	}
}
