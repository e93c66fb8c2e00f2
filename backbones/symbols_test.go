package backbones_test

import (
	"math"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
)

// The features are the mean of the embeddings of symbols that are there, in any order; of none they are 0.
func TestSymbolsAreABag(t *testing.T) {
	b := &backbones.Symbols{Width: 3}
	in := backbones.Input{Shape: []int{4}, Int: true, Of: []int{6}}
	if err := b.Check(in); err != nil || b.Dim() != 3 {
		t.Fatal(err, b.Dim())
	}
	g, err := graph.Build(graph.Options{DType: ir.F32}, func(s *graph.Scope) {
		s.Output("y", b.New(s, in)(s.IntInput("x", 4, 4)))
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := p.Input("x")
	copy(x.I32, []int32{2, 5, 5, 0, 5, 2, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, _ := p.Output("y")
	table := st.Get("embedding").F32
	for k := range 3 {
		e := func(i int) float64 { return float64(table[3*i+k]) }
		for row, want := range []float64{(e(2) + 2*e(5)) / 3, (e(2) + 2*e(5)) / 3, e(3), 0} {
			if got := float64(y.F32[3*row+k]); math.Abs(got-want) > 1e-6 {
				t.Errorf("row %d, feature %d is %v, want %v", row, k, got, want)
			}
		}
	}
}

func TestSymbolsRefuses(t *testing.T) {
	symbols := backbones.Input{Shape: []int{4}, Int: true, Of: []int{6}}
	for _, c := range []struct {
		b  *backbones.Symbols
		in backbones.Input
	}{
		{backbones.DefaultSymbols(), backbones.Pixels(4, 4, 1)},
		{&backbones.Symbols{Width: 0}, symbols},
		{&backbones.Symbols{Width: 2, Hidden: []int{3, 0}}, symbols},
	} {
		if err := c.b.Check(c.in); err == nil {
			t.Errorf("%+v takes %v", c.b, c.in)
		}
	}
}
