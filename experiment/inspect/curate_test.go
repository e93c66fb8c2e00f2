package inspect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images/pack"
	"selfsup/experiment"
	"selfsup/recipes"
)

// angles are unit rows of two numbers at degrees, on both sides of the origin so that their mean is 0.
func angles(degrees ...float64) (x []float32) {
	for _, side := range []float64{0, 180} {
		for _, d := range degrees {
			x = append(x, float32(math.Cos((d+side)*math.Pi/180)), float32(math.Sin((d+side)*math.Pi/180)))
		}
	}
	return x
}

func chosenRows(t *testing.T, s Selection, x, queries, apart []float32) ([]int32, []int32, *Curated) {
	t.Helper()
	out := &Curated{}
	found, open, err := s.choose(context.Background(), x, queries, apart, 2, out)
	if err != nil {
		t.Fatal(err)
	}
	var rows []int32
	for _, c := range found {
		rows = append(rows, c.row)
	}
	return rows, open, out
}

// Of images that are nearly alike, also by others between, the first is kept; what is near to images that stay apart is
// left out; each query leads to its nearest, and the first ranks come first where not all are kept.
func TestChoose(t *testing.T) {
	s := Selection{Duplicate: math.Cos(6 * math.Pi / 180), K: 2, Seed: 1}
	x := angles(0, 5, 10, 40, 60, 90) // rows 0 to 5, and 6 to 11 on the other side
	query := angles(42)[:2]
	rows, open, out := chosenRows(t, s, x, query, nil)
	if !slices.Equal(rows, []int32{3, 4}) || out.Duplicates != 4 || len(open) != 12 || out.Found != 2 || out.Kept != 2 {
		t.Errorf("rows %v (%+v), want the nearest two, 3 and 4, and 0 and 6 alone of their chains", rows, out)
	}
	if want := (math.Cos(2*math.Pi/180) + math.Cos(18*math.Pi/180)) / 2; math.Abs(out.Similarity-want) > 1e-6 {
		t.Errorf("mean cosine %v, want %v", out.Similarity, want)
	}
	rows, open, out = chosenRows(t, s, x, query, angles(38)[:2])
	if !slices.Equal(rows, []int32{0, 4}) || out.TooNear != 1 || slices.Contains(open, 3) {
		t.Errorf("rows %v (%+v), want 3 left out and so 0 and 4", rows, out)
	}
	s.Count, s.K = 3, 3
	two := append(angles(42)[:2], angles(89)[:2]...)
	if rows, _, _ = chosenRows(t, s, x, two, nil); !slices.Equal(rows, []int32{3, 4, 5}) {
		t.Errorf("rows %v, want both first ranks, 3 and 5, and then the nearer of the second ones, 4", rows)
	}
	s.Duplicate = 1
	if _, _, out = chosenRows(t, s, x, query, nil); out.Duplicates != 0 {
		t.Errorf("%d duplicates where none are asked for", out.Duplicates)
	}
}

// Of clusters with enough queries so many images are drawn, of the others none; the seed says which.
func TestChooseOfClusters(t *testing.T) {
	x := angles(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	s := Selection{Duplicate: 1, K: 1, Clusters: 2, PerCluster: 4, Least: 2, Seed: 3}
	rows, _, out := chosenRows(t, s, x, append(angles(3)[:2], angles(4)[:2]...), nil)
	if len(rows) != 4 || out.Clusters != 1 || slices.Max(rows) > 9 {
		t.Errorf("rows %v of %d clusters, want 4 of the first ten", rows, out.Clusters)
	}
	again, _, _ := chosenRows(t, s, x, append(angles(3)[:2], angles(4)[:2]...), nil)
	s.Seed = 4
	other, _, _ := chosenRows(t, s, x, append(angles(3)[:2], angles(4)[:2]...), nil)
	if !slices.Equal(rows, again) || slices.Equal(rows, other) {
		t.Errorf("rows %v, again %v, with another seed %v: want the same, and others", rows, again, other)
	}
	s.Least = 3
	if _, _, err := s.choose(context.Background(), x, angles(3), nil, 2, &Curated{}); err == nil ||
		!strings.Contains(err.Error(), "no cluster of 2 has 3 of 2 queries") {
		t.Errorf("got %v, want that no cluster has enough", err)
	}
}

// A pool of real images is curated end to end: what is like the queries is kept, the list and the pack hold the same
// images, the same call gives the same bytes, and one that was interrupted goes on.
func TestCurate(t *testing.T) {
	dir := t.TempDir()
	run := shortRun(t, "quickstart.toml").Run
	queries := filepath.Join(dir, "queries.pack")
	opened, err := OpenData("quickstart.toml", nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	set := opened.Train.(datasets.Set)
	var rows []int32 // of ankle boots and trousers, which are told apart without training
	for i := range set.Len() {
		if name := set.Classes()[set.Label(i)]; len(rows) < 40 && (strings.Contains(name, "Trouser") ||
			strings.Contains(name, "boot")) {
			rows = append(rows, int32(i))
		}
	}
	if err := writeRows(context.Background(), queries, "queries", embedPart{set: set}, rows); err != nil {
		t.Fatal(err)
	}
	o := CurateOptions{Run: run, Like: queries, Apart: []string{queries}, Select: DefaultSelection(),
		To: filepath.Join(dir, "curated.pack"), Control: filepath.Join(dir, "raw.toml")}
	o.Select.Duplicate, o.Select.Count, o.Select.K = 0.9999, 120, 8
	curate := func(ctx context.Context) (*Curated, error) {
		return Curate(ctx, "quickstart.toml", o, recipes.Builtin(), experiment.Options{Messages: os.Stderr})
	}
	features := o.To + ".features"
	_, err = curate(&cutOff{Context: context.Background(), after: 8})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the same command goes on") {
		t.Fatalf("got %v, want that it was interrupted and goes on", err)
	}
	first, err := curate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if first.Resumed < 2*experiment.EmbedBatch || first.Resumed >= first.Pool {
		t.Errorf("%d of %d features were there, want those from before the interruption", first.Resumed, first.Pool)
	}
	if _, err := os.Stat(features); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the features are left behind: %v", err)
	}
	wanted, all := 0, 0
	for name, n := range first.Counts {
		if all += n[0]; strings.Contains(name, "Trouser") || strings.Contains(name, "boot") {
			wanted += n[0]
		}
	}
	if first.Kept != 120 || all != 120 || wanted < 60 || first.TooNear < 40 || !(first.Similarity > first.Whole) {
		t.Errorf("%+v: want 120 images, at least half of the classes that were looked for", first)
	}
	source := pack.New()
	source.Path = o.To
	got, err := source.Open(datasets.Env{})
	if err != nil || got.Train.Len() != 120 || got.Channels != 1 {
		t.Fatalf("the pack has %v, %v", got, err)
	}
	before, _ := os.ReadFile(o.To)
	if second, err := curate(context.Background()); err != nil || second.Resumed != 0 || second.Kept != 120 {
		t.Fatalf("%+v, %v", second, err)
	}
	if after, _ := os.ReadFile(o.To); !slices.Equal(before, after) {
		t.Error("the same call gives another pack")
	}
	r, err := recipes.Load("quickstart.toml", []string{"subset=\"listed\"", "subset.listed.of=3000",
		fmt.Sprintf("subset.listed.rows=%v", listOf(t, o.Control))}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := r.Subset.Value.Rows(set); err != nil || len(kept) != 120 {
		t.Errorf("the control lists %d images (%v), want as many", len(kept), err)
	}
}

// cutOff is a context that ends after it was asked so many times.
type cutOff struct {
	context.Context
	after int
}

func (c *cutOff) Err() error {
	if c.after--; c.after < 0 {
		return context.Canceled
	}
	return nil
}

// listOf is the rows that a list names, as TOML.
func listOf(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(b), "rows = ")
	return strings.Join(strings.Fields(list), "")
}

func TestCurateRefuses(t *testing.T) {
	for want, set := range map[string]func(*CurateOptions){
		"want a name that ends in .pack":   func(o *CurateOptions) { o.To = "x.zip" },
		"duplicate = 0: want a cosine":     func(o *CurateOptions) { o.Select.Duplicate = 0 },
		"k = 0: want 1 neighbour":          func(o *CurateOptions) { o.Select.K = 0 },
		"clusters = 1: want 2 or more":     func(o *CurateOptions) { o.Select.Clusters = 1 },
		"control and output are both":      func(o *CurateOptions) { o.Control = o.To },
		"per_cluster = 0 and least = 4":    func(o *CurateOptions) { o.Select.Clusters, o.Select.PerCluster = 2, 0 },
		"count = -1: want images, or 0 to": func(o *CurateOptions) { o.Select.Count = -1 },
	} {
		o := CurateOptions{Select: DefaultSelection(), To: "x.pack"}
		set(&o)
		want = strings.TrimSuffix(want, " to")
		if _, err := Curate(context.Background(), "pool", o, recipes.Builtin(), experiment.Options{}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
