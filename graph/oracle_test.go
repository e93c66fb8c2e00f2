package graph

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// smallNet is a convolution, batch norm, pooling and cross-entropy: a graph with every kind of edge (shared values,
// views, statistics).
func smallNet(s *Scope) *Node {
	x := s.Input("x", 3, 5, 4, 2)
	labels := s.IntInput("labels", 3)
	w := s.Param("conv/weight", Normal(0.5), 3, 3, 2, 4)
	h := op.Conv2D(x, w, op.Conv{Pad: [2]int{1, 1}, Stride: [2]int{2, 1}})
	h = op.Relu(op.BatchNorm(h, op.BatchStats(h), op.BN{Eps: 1e-5}, s.Param("norm/weight", Fill(1), 4),
		s.Param("norm/bias", Fill(0.1), 4)))
	v := s.Param("linear/weight", Normal(0.5), 4, 3)
	z := op.MatMul(op.GlobalAvgPool(h), v, false, false)
	decay := op.Scale(op.SumAll(op.Square(w)), 0.01)
	return op.Add(op.MeanAll(op.CrossEntropy(z, labels, 0.1)), decay)
}

// The same graph gives the same loss and gradients by our compiler on the reference backend, by Gorgonia's tape machine
// on our gradient nodes, and by Gorgonia's tape machine on its own symbolic differentiation.
func TestTapeMachineAgrees(t *testing.T) {
	fill := func(name string, a ir.Array) {
		r := Rand(11, name)
		for i := range a.Shape.Size() {
			if a.DType == ir.I32 {
				a.I32[i] = int32(i % 3)
			} else {
				a.Set(i, r.NormFloat64())
			}
		}
	}
	var loss *Node
	var ours []*Node
	build := func(withGradients bool) (*Graph, []*Node) {
		var params []*Node
		g, err := Build(Options{DType: ir.F64, Training: true}, func(s *Scope) {
			loss = smallNet(s)
			params = s.Params()
			s.Output("loss", loss)
			if withGradients {
				ours = s.Gradients(loss, params)
				for i, d := range ours {
					s.Output(s.Name(params[i]), d)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return g, params
	}

	g, _ := build(true)
	st := NewStore(5)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "labels"} {
		a, err := p.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		fill(name, a)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}

	tape := func(g *Graph, outputs []*Node) [][]float64 {
		t.Helper()
		for _, d := range g.order {
			a := d.data
			switch d.class {
			case isState:
				a = st.Get(d.name).Array
			case isInput:
				a = ir.NewArray(d.typ)
				fill(d.name, a)
			}
			if err := G.Let(d.node, op.NewValue(a)); err != nil {
				t.Fatal(err)
			}
		}
		vals := make([]G.Value, len(outputs))
		for i, n := range outputs {
			G.Read(n, &vals[i])
		}
		m := G.NewTapeMachine(g.g)
		defer m.Close()
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		out := make([][]float64, len(vals))
		for i, v := range vals {
			switch d := v.Data().(type) {
			case float64:
				out[i] = []float64{d}
			case []float64:
				out[i] = d
			}
		}
		return out
	}
	compare := func(how string, got [][]float64) {
		t.Helper()
		for i, name := range p.Outputs() {
			want, _ := p.Output(name)
			if len(got[i]) != want.Shape.Size() {
				t.Fatalf("%s: %s has %d values, want %v", how, name, len(got[i]), want.Shape)
			}
			for j, v := range got[i] {
				if math.Abs(v-want.F64[j]) > 1e-12*(1+math.Abs(v)) {
					t.Errorf("%s: %s[%d] = %v, our program gives %v", how, name, j, v, want.F64[j])
				}
			}
		}
	}
	compare("tape machine, our gradients", tape(g, append([]*Node{loss}, ours...)))

	g, params := build(false)
	theirs, err := G.Grad(loss, params...)
	if err != nil {
		t.Fatal(err)
	}
	compare("tape machine, Gorgonia's Grad", tape(g, append([]*Node{loss}, theirs...)))
}
