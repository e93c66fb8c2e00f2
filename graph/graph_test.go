package graph_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// A step of descent on (w-3)^2 from 1 with rate 0.25 goes to 2, and a second to 2.5.
func TestStep(t *testing.T) {
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		w := s.Param("w", graph.Fill(1), 1)
		loss := op.SumAll(op.Square(op.Shift(w, -3)))
		d := s.Gradients(loss, s.Params())
		s.Update(w, op.Step(w, d[0], s.Constant(0.25)))
		s.Output("loss", loss)
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []float64{2, 2.5} {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if got := st.Get("w").At(0); math.Abs(got-want) > 1e-12 {
			t.Errorf("w = %v, want %v", got, want)
		}
	}
}
