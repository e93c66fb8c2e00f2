package cpu_test

import (
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// A value that no operation makes any more, since a convolution does the batch norm before it in passing, takes no
// memory: it may be larger than all others together.
func TestUnusedTemporaryTakesNoMemory(t *testing.T) {
	const size = 64
	var want []float32
	for _, b := range []ir.Backend{ref.Backend{}, cpu.Backend{}, cpu.Backend{Poison: true}} {
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			x := op.BatchNorm(s.Input("x", 1, size, size, 2), s.Input("stats", 2, 2), op.BN{Frozen: true})
			s.Output("y", op.Conv2D(x, s.Input("w", 1, 1, 2, 1), op.Conv{Stride: [2]int{32, 32}}))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(b, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		for name, at := range map[string]func(i int) float64{"x": func(i int) float64 { return float64(i % 7) },
			"stats": func(i int) float64 { return float64(1 + i) },
			"w":     func(i int) float64 { return float64(3 - i) }} {
			in, err := p.Input(name)
			if err != nil {
				t.Fatal(err)
			}
			for i := range in.Shape.Size() {
				in.Set(i, at(i))
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		y, err := p.Output("y")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, y.Shape.Size())
		for i := range got {
			got[i] = float32(y.At(i))
		}
		if want == nil {
			want = got
		}
		if p.IR.Arena >= 4*2*size*size || len(p.IR.Instrs) > 1 {
			t.Fatalf("%s: %d operations in %d bytes: the batch norm is not absorbed", b.Name(), len(p.IR.Instrs),
				p.IR.Arena)
		}
		if !slices.EqualFunc(got, want, func(a, b float32) bool { return max(a-b, b-a) < 1e-5 }) {
			t.Errorf("%s: %v, want %v", b.Name(), got, want)
		}
	}
}
