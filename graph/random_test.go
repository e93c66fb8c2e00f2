package graph_test

import (
	"math"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
)

// drawn is what a source of random numbers gives at a step.
func drawn(t *testing.T, seed uint64, d ir.DType, step int, draw func(r *graph.Random) []node) [][]float64 {
	t.Helper()
	return drawnIn(t, seed, d, step, func(s *graph.Scope) []node { return draw(s.Random("mask")) })
}

// drawnIn is what the sources of a scope give at a step.
func drawnIn(t *testing.T, seed uint64, d ir.DType, step int, draw func(s *graph.Scope) []node) [][]float64 {
	t.Helper()
	names := []string{"a", "b", "c"}
	n := 0
	g, err := graph.Build(graph.Options{DType: d}, func(s *graph.Scope) {
		for i, v := range draw(s) {
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

// A source that is declared twice, by a layer that is built twice, draws other numbers the second time.
func TestRandomDeclaredTwice(t *testing.T) {
	draw := func(s *graph.Scope) node { return s.In("layer").Random("mask").Uniform(4) }
	v := drawnIn(t, 1, ir.F32, 5, func(s *graph.Scope) []node { return []node{draw(s), draw(s)} })
	if slices.Equal(v[0], v[1]) {
		t.Errorf("a source that is declared twice draws %v twice", v[0])
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

// Normal numbers have the moments and the share beyond one, two and three deviations that they should; p of the
// Bernoulli draws are 1, by one probability or by one for each element.
func TestRandomLaws(t *testing.T) {
	const n = 1 << 16
	v := drawn(t, 3, ir.F32, 7, func(r *graph.Random) []node {
		p := op.Scale(op.Float(op.Argsort(r.Uniform(4)), ir.F32), 1./3) // 0, 1/3, 2/3 and 1 in some order
		p = op.BroadcastTo(op.Reshape(p, 4, 1), ir.Shape{4, n})
		return []node{r.Normal(n), r.Bernoulli(0.3, n), op.Mean(op.Sub(r.BernoulliOf(p), p), false, 1)}
	})
	var sums [4]float64
	var beyond [4]float64
	for _, x := range v[0] {
		for k := range sums {
			sums[k] += math.Pow(x, float64(k+1)) / n
			if math.Abs(x) > float64(k) {
				beyond[k] += 1. / n
			}
		}
	}
	for k, want := range []float64{0, 1, 0, 3} { // deviations of the means: 0.004, 0.0055, 0.015, 0.038
		if d := math.Abs(sums[k] - want); d > 5*[]float64{0.004, 0.0055, 0.015, 0.038}[k] {
			t.Errorf("normal: moment %d of %d numbers is %v, want about %v", k+1, n, sums[k], want)
		}
	}
	for k, want := range []float64{1, 0.3173, 0.0455, 0.0027} {
		if d := math.Abs(beyond[k] - want); d > 5*math.Sqrt(want*(1-want)/n) {
			t.Errorf("normal: %v of %d numbers are more than %d from 0, want about %v", beyond[k], n, k, want)
		}
	}
	mean := 0.0
	for _, x := range v[1] {
		if x != 0 && x != 1 {
			t.Fatalf("bernoulli: got %v, want 0 or 1", x)
		}
		mean += x / n
	}
	if math.Abs(mean-0.3) > 5*math.Sqrt(0.3*0.7/n) {
		t.Errorf("bernoulli: %v of %d draws are 1, want about 0.3", mean, n)
	}
	for i, d := range v[2] {
		if math.Abs(d) > 5*math.Sqrt(2./9/n) {
			t.Errorf("bernoulli by element: row %d has %v more ones than its probability", i, d)
		}
	}
}

// Shares of the law Beta(a,a) are in (0,1), even about one half with the variance 1/(4(2a+1)), and of a = 1 even
// throughout.
func TestRandomBeta(t *testing.T) {
	const n = 1 << 14
	for _, a := range []float64{0.2, 0.75, 1} {
		v := drawn(t, 3, ir.F32, 7, func(r *graph.Random) []node { return []node{r.Beta(a, n)} })[0]
		var mean, square, low float64
		for _, x := range v {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("a = %v: got %v, want a share", a, x)
			}
			mean, square = mean+x/n, square+(x-0.5)*(x-0.5)/n
			if x < 0.1 {
				low += 1. / n
			}
		}
		if want := 1 / (4 * (2*a + 1)); math.Abs(mean-0.5) > 0.02 || math.Abs(square-want) > 0.03*want {
			t.Errorf("a = %v: mean %.4f and variance %.4f, want 0.5 and %.4f", a, mean, square, want)
		}
		if a == 1 && math.Abs(low-0.1) > 0.01 {
			t.Errorf("a = 1: %.3f of the shares are below 0.1, want a tenth", low)
		}
	}
}
