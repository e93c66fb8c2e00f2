package losses_test

import (
	"fmt"
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/losses"
)

// compute runs what build declares on the processor. Inputs are filled from a normal distribution, those named in
// given with their values.
func compute(t *testing.T, build func(s *graph.Scope), given map[string][]float64) (in,
	out func(name string) []float64) {
	t.Helper()
	g, err := graph.Build(graph.Options{}, build)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string][]float64{}
	for name, a := range p.Inputs() {
		r := graph.Rand(3, name)
		for i := range a.Shape.Size() {
			v := r.NormFloat64()
			if given[name] != nil {
				v = given[name][i]
			}
			a.Set(i, v)
		}
		inputs[name] = numbers(a)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) []float64 { return inputs[name] }, func(name string) []float64 {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		return numbers(a)
	}
}

func numbers(a ir.Array) []float64 {
	v := make([]float64, a.Shape.Size())
	for i := range v {
		v[i] = a.At(i)
	}
	return v
}

// softmax of every row of x [n,k].
func softmax(x []float64, k int) []float64 {
	p := make([]float64, len(x))
	for at := 0; at < len(x); at += k {
		var sum float64
		for j := at; j < at+k; j++ {
			p[j] = math.Exp(x[j])
			sum += p[j]
		}
		for j := at; j < at+k; j++ {
			p[j] /= sum
		}
	}
	return p
}

// The pieces of distillation against plain loops: what a teacher says, its centre, the entropy of what it says, and
// the cross-entropy of every target with every view but its own, for two views and for two large ones with four
// more.
func TestDistillation(t *testing.T) {
	const n, k, temperature, momentum = 3, 5, 0.25, 0.7
	for _, views := range []int{2, 6} {
		in, out := compute(t, func(s *graph.Scope) {
			y, centre := s.Input("y", n, k), s.Input("centre", k)
			var logits, targets []*graph.Node
			for v := range views {
				logits = append(logits, s.Input(fmt.Sprint("view", v), n, k))
			}
			for v := range 2 {
				targets = append(targets, losses.Sharpen(s.Input(fmt.Sprint("teacher", v), n, k), centre,
					s.Input("temperature")))
			}
			sharp := losses.Sharpen(y, centre, s.Input("temperature"))
			s.Output("sharp", sharp)
			s.Output("entropy", losses.Entropy(sharp))
			s.Output("centre after", losses.NextCentre(s, centre, y, momentum))
			s.Output("loss", losses.CrossEntropyOfPairs(targets, logits))
		}, map[string][]float64{"temperature": {temperature}})

		said := func(name string) []float64 {
			x := make([]float64, n*k)
			for i, y := range in(name) {
				x[i] = (y - in("centre")[i%k]) / temperature
			}
			return softmax(x, k)
		}
		sharp := said("y")
		expect(t, "sharpened", out("sharp"), sharp)
		var entropy float64
		for _, p := range sharp {
			entropy -= p * math.Log(p) / n
		}
		expect(t, "entropy", out("entropy"), []float64{entropy})
		after := make([]float64, k)
		for j := range k {
			for i := range n {
				after[j] += (1 - momentum) * in("y")[i*k+j] / n
			}
			after[j] += momentum * in("centre")[j]
		}
		expect(t, "centre", out("centre after"), after)

		var loss float64
		pairs := 0
		for i := range 2 {
			target := said(fmt.Sprint("teacher", i))
			for v := range views {
				if v == i {
					continue
				}
				for at, p := range softmax(in(fmt.Sprint("view", v)), k) {
					loss -= target[at] * math.Log(p) / n
				}
				pairs++
			}
		}
		expect(t, fmt.Sprintf("loss of %d views", views), out("loss"), []float64{loss / float64(pairs)})
	}
}

func expect(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if len(got) != len(want) || math.Abs(got[i]-want[i]) > 1e-5*max(1, math.Abs(want[i])) {
			t.Errorf("%s: got %v, want %v", what, got, want)
			return
		}
	}
}
