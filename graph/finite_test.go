package graph_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// The first value that is not finite is named with its operation and scope. What only hands it on, or is infinite on
// purpose, is not.
func TestFirstNonFinite(t *testing.T) {
	build := func(s *graph.Scope) {
		x := s.Input("x", 2, 2)
		w := s.In("head").Param("weight", graph.Fill(1), 2, 2)
		z := op.MaskDiagonal(op.MatMul(x, w, false, false), math.Inf(-1))
		p := op.Softmax(z) // finite, of infinite logits
		y := op.SumAll(op.Log(op.Mul(p, s.In("tail").Param("scale", graph.Fill(1), 2))))
		s.Update(w, op.Add(w, y))
		s.Output("y", op.Add(y, op.Scale(y, 2)))
	}
	for _, c := range []struct {
		name string
		x, w float32
		want string
	}{
		{"an input", float32(math.NaN()), 1, "input x holds NaN before the step"},
		{"a parameter", 1, float32(math.Inf(1)), "head/weight holds +Inf before the step"},
		{"a product", 1e30, 1e30, "matmul [2,2]x[2,2] in head gives the first +Inf"},
		{"a logarithm", 1, 1, "unary [2,2] in tail gives the first -Inf"},
	} {
		for _, b := range []ir.Backend{ref.Backend{}, cpu.Backend{}} {
			g, err := graph.Build(graph.Options{}, build)
			if err != nil {
				t.Fatal(err)
			}
			st := graph.NewStore(1)
			p, err := g.Compile(b, st)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := p.Input("x")
			x.Fill(float64(c.x))
			st.Get("head/weight").Fill(float64(c.w))
			got, err := p.FirstNonFinite()
			if err != nil {
				t.Fatal(err)
			}
			if got == nil || got.String() != c.want {
				t.Errorf("%s, %s: %v, want %s", c.name, b.Name(), got, c.want)
			}
		}
	}
}

// A step of finite values has none, and its trace is a step: the same new state and outputs as Run gives.
func TestFirstNonFiniteOfGoodStep(t *testing.T) {
	var sums [2]string
	for i := range sums {
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			loss := residualNet(s)
			for k, d := range s.Gradients(loss, s.Params()) {
				s.Update(s.Params()[k], op.Step(s.Params()[k], d, s.Constant(0.1)))
			}
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
		for k := range x.F32 {
			x.F32[k] = float32(k%7) - 3
		}
		if i == 0 {
			err = p.Run()
		} else {
			var first *graph.NonFinite
			if first, err = p.FirstNonFinite(); first != nil {
				t.Errorf("a good step: %v", first)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = st.Hash("")
	}
	if sums[0] != sums[1] {
		t.Errorf("the state after a traced step is %s, after Run %s", sums[1], sums[0])
	}
}
