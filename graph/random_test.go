package graph_test

import (
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
)

// drawn is what a source of random numbers gives at a step.
func drawn(t *testing.T, seed uint64, d ir.DType, step int, draw func(r *graph.Random) []node) [][]float64 {
	t.Helper()
	names := []string{"a", "b", "c"}
	n := 0
	g, err := graph.Build(graph.Options{DType: d}, func(s *graph.Scope) {
		for i, v := range draw(s.Random("mask")) {
			s.Output(names[i], v)
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(seed))
	if err != nil {
		t.Fatal(err)
	}
	p.Schedule(graph.Time{Step: step, Steps: 1000})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	var v [][]float64
	for _, name := range names[:n] {
		v = append(v, ongraph.Read(t, p, name))
	}
	return v
}

// Random numbers depend on the seed, the step and the draw, and not on the element type.
func TestRandom(t *testing.T) {
	twice := func(r *graph.Random) []node { return []node{r.Uniform(4), r.Uniform(4)} }
	first := drawn(t, 1, ir.F32, 5, twice)
	if slices.Equal(first[0], first[1]) {
		t.Errorf("two draws are both %v", first[0])
	}
	if v := drawn(t, 1, ir.F64, 5, twice); !slices.Equal(first[0], v[0]) || !slices.Equal(first[1], v[1]) {
		t.Errorf("the same in float64: got %v, want %v", v, first)
	}
	for _, c := range []struct {
		name string
		seed uint64
		step int
	}{{"another step", 1, 6}, {"another seed", 2, 5}} {
		if v := drawn(t, c.seed, ir.F32, c.step, twice); slices.Equal(first[0], v[0]) {
			t.Errorf("%s: got %v again, want other numbers", c.name, v[0])
		}
	}
}

// The numbers are even in [0,1), and 1/keep as often as they should be.
func TestRandomIsEven(t *testing.T) {
	const n = 1 << 14
	v := drawn(t, 3, ir.F32, 7, func(r *graph.Random) []node { return []node{r.Uniform(n), r.Keep(0.8, n)} })
	bins := make([]int, 16)
	for _, u := range v[0] {
		if u < 0 || u >= 1 {
			t.Fatalf("got %v, want [0,1)", u)
		}
		bins[int(u*16)]++
	}
	for i, b := range bins { // 1024 each, deviation 31
		if b < 1024-155 || b > 1024+155 {
			t.Errorf("[%d/16,%d/16) holds %d of %d numbers, want about %d", i, i+1, b, n, n/16)
		}
	}
	sum := 0.0
	for _, k := range v[1] {
		if k != 0 && k != 1.25 {
			t.Fatalf("keep 0.8: got %v, want 0 or 1.25", k)
		}
		sum += k
	}
	if mean := sum / n; mean < 0.98 || mean > 1.02 {
		t.Errorf("keep 0.8: the mean of %d factors is %v, want about 1", n, mean)
	}
}
