package layer_test

import (
	"fmt"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

type scope = graph.Scope

// run builds a node in training mode, feeds inputs by name, and returns its value.
func run(t *testing.T, d ir.DType, in map[string][]float64, build func(s *scope) *op.Node) []float64 {
	t.Helper()
	p := compile(t, d, build)
	for name, v := range in {
		a, err := p.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range v {
			a.Set(i, x)
		}
	}
	return step(t, p, 0)
}

func compile(t *testing.T, d ir.DType, build func(s *scope) *op.Node) *graph.Program {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: d, Training: true}, func(s *scope) { s.Output("y", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// step runs one step of a thousand and returns a copy of y.
func step(t *testing.T, p *graph.Program, n int) []float64 {
	t.Helper()
	p.Schedule(graph.Time{Step: n, Steps: 1000})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, y.Shape.Size())
	for i := range v {
		v[i] = y.At(i)
	}
	return v
}

// Stochastic depth drops whole branches of single images while training, and is not there otherwise.
func TestDropPath(t *testing.T) {
	const b = 64
	o := layer.Block{Dim: 4, Heads: 2}
	build := func(rate float64) func(s *scope) *op.Node {
		return func(s *scope) *op.Node {
			x := op.BroadcastTo(s.State("x", graph.Normal(1), 1, 3, 4), ir.Shape{b, 3, 4})
			return layer.Blocks(s.In("blocks"), o, 2, rate)(x)
		}
	}
	p := compile(t, ir.F64, build(0.5))
	y := step(t, p, 0)
	kinds := map[string]int{}
	for i := range b {
		kinds[fmt.Sprint(y[i*12:i*12+12])]++
	}
	if len(kinds) != 4 { // of the last block, both branches, either, or none
		t.Errorf("%d images came out in %d ways, want 4", b, len(kinds))
	}
	if again := step(t, p, 0); !slices.Equal(y, again) {
		t.Error("step 0 twice gives two results")
	}
	if next := step(t, p, 1); slices.Equal(y, next) {
		t.Error("steps 0 and 1 drop the same branches")
	}
	g, err := graph.Build(graph.Options{}, func(s *scope) { s.Output("y", build(0.5)(s)) })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.Schedules()); n != 0 {
		t.Errorf("the evaluation graph has %d scheduled inputs, want none", n)
	}
	// a single block is the first, whose branches all stay: it asks for no random numbers, nor a key that a
	// checkpoint would lack
	g, err = graph.Build(graph.Options{Training: true}, func(s *scope) {
		s.Output("y", layer.Blocks(s.In("blocks"), o, 1, 0.5)(s.Input("x", b, 3, 4)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.Schedules()); n != 0 {
		t.Errorf("a single block has %d scheduled inputs, want none", n)
	}
}

func TestBlockGradients(t *testing.T) {
	for name, c := range map[string]struct {
		o    layer.Block
		drop float64
	}{
		"plain":            {layer.Block{Dim: 6, Heads: 2}, 0},
		"layer scale":      {layer.Block{Dim: 6, Heads: 3, LayerScale: 0.3}, 0},
		"stochastic depth": {layer.Block{Dim: 4, Heads: 1}, 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *scope) *op.Node {
				x := s.Input("x", 3, 5, c.o.Dim)
				y := layer.Blocks(s.In("blocks"), c.o, 2, c.drop)(x)
				return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
			}, nil, 5, 1e-6)
		})
	}
}
