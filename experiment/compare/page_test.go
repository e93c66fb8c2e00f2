package compare

import (
	"slices"
	"testing"
	"time"
)

// A page of runs has the settings in which they differ with the place of every value, and their recipes compared.
func TestPage(t *testing.T) {
	root := t.TempDir()
	dirs := []string{runOf(t, root, "cold", 1, cold, "1100", 0), runOf(t, root, "cold", 2, cold, "1110", 0),
		runOf(t, root, "warm", 1, warm, "1111", 0)}
	p, runs, err := Page(dirs, nil, time.Now())
	if err != nil || len(p.Runs) != 3 || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(p.Runs), err)
	}
	if want := []string{"seed", "method.simclr.temperature"}; !slices.Equal(p.Differences.Keys, want) {
		t.Fatalf("differ in %v, want %v", p.Differences.Keys, want)
	}
	if v, o := p.Differences.Values[1], p.Differences.Origin[1]; !slices.Equal(v, []string{"0.1", "0.1", "0.2"}) ||
		!slices.Equal(o, []string{"x.toml:3", "x.toml:3", "x.toml:3"}) {
		t.Errorf("values %v of %v", v, o)
	}
	if len(p.Comparisons) != 2 || p.Comparisons[0].Measure != "knn top1" || len(p.Comparisons[0].Rows) != 2 {
		t.Fatalf("comparisons %+v, want of knn top1 and mse, a row a recipe", p.Comparisons)
	}
	if d := p.Comparisons[0].Rows[1].Difference; d == nil || *d != 0.5 { // 4 of 4 less 2 of 4, of seed 1
		t.Errorf("difference %v, want 0.5", d)
	}
	if r := p.Runs[0]; r.Name != "cold-1" || r.About != "simclr, seed 1" || len(r.Results) != 4 {
		t.Errorf("%+v", r)
	}

	one, _, err := Page(dirs[:1], nil, time.Now())
	if want := []string{"name", "seed", "method", "method.simclr.temperature"}; err != nil ||
		!slices.Equal(one.Differences.Keys, want) || one.Comparisons != nil {
		t.Errorf("one run: %v, %v; want the settings that somebody wrote, %v", one.Differences.Keys, err, want)
	}
}
