package layer_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// Norms of groups and of responses have gradients on maps, waves and clips, and give 0 on maps of zeros.
func TestNorms(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(s *scope) layer.Func
		x     ir.Shape
	}{
		{"groups of a map", layer.GroupNorm{Channels: 6, Groups: 3}.New, ir.Shape{2, 3, 2, 6}},
		{"one channel a group", layer.GroupNorm{Channels: 3, Groups: 3}.New, ir.Shape{2, 7, 3}},
		{"one group of a clip", layer.GroupNorm{Channels: 4, Groups: 1}.New, ir.Shape{2, 2, 3, 2, 4}},
		{"responses of a map", layer.ResponseNorm{Channels: 4}.New, ir.Shape{2, 3, 2, 4}},
		{"responses of a clip", layer.ResponseNorm{Channels: 3}.New, ir.Shape{2, 2, 2, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *scope) *op.Node {
				y := c.build(s.In("norm"))(s.Param("x", graph.Normal(1), c.x...))
				return op.SumAll(op.Mul(y, s.Input("dy", c.x...)))
			}, func(st *graph.Store) { // away from what scales and shifts start at
				for _, n := range st.Names() {
					if strings.HasPrefix(n, "norm/") {
						for i := range st.Get(n).Shape.Size() {
							st.Get(n).Set(i, 0.5+0.1*float64(i))
						}
					}
				}
			}, 9, 1e-6)
			got := run(t, ir.F32, nil, func(s *scope) *op.Node {
				x := s.Param("x", graph.Fill(0), c.x...)
				y := c.build(s.In("norm"))(x)
				return op.Concat(0, y, s.Gradients(op.SumAll(op.Square(op.Shift(y, 1))), []*op.Node{x})[0])
			})
			for i, v := range got[:len(got)/2] {
				if v != 0 || math.IsNaN(got[len(got)/2+i]) || math.IsInf(got[len(got)/2+i], 0) {
					t.Fatalf("of zeros: value %d is %v, its gradient %v", i, v, got[len(got)/2+i])
				}
			}
		})
	}
	_, err := graph.Build(graph.Options{}, func(s *scope) { layer.GroupNorm{Channels: 6, Groups: 4}.New(s.In("n")) })
	if err == nil || !strings.Contains(err.Error(), "6 channels in 4 groups") {
		t.Errorf("4 groups of 6 channels: got error %v", err)
	}
}

// Without a gain the length of the weights has no part in a result, and a length of 0 is no division by it.
func TestWeightNormLinear(t *testing.T) {
	of := func(w float64, gain bool) []float64 {
		return run(t, ir.F64, nil, func(s *scope) *op.Node {
			s.In("last").Param("weight", graph.Fill(w), 2, 4)
			return layer.WeightNormLinear(s.In("last"), 4, 2, gain)(s.Param("x", graph.Fill(3), 1, 4))
		})
	}
	closeTo(t, "weights of 5", of(5, false), []float64{6, 6})
	closeTo(t, "a gain that starts at 1", of(0.1, true), []float64{6, 6})
	closeTo(t, "weights of 0", of(0, false), []float64{0, 0})
}
