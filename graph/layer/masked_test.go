package layer_test

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Self-attention with masks and biases as one operation gives what products and a softmax of the weights give, and the
// same gradients: of a bias for all heads or each, of images in turn, of constants.
func TestMaskedAttentionIsOneOperation(t *testing.T) {
	const b, n, heads, d = 4, 5, 2, 3
	for _, c := range []struct {
		name         string
		keys, causal bool
		bias         ir.Shape
		constant     bool
	}{
		{"keys", true, false, nil, false}, {"causal", false, true, nil, false},
		{"bias of all heads", false, false, ir.Shape{n, n}, false},
		{"bias of each head", true, false, ir.Shape{heads, n, n}, false},
		{"in turn", false, true, ir.Shape{2, heads, n, n}, false},
		{"constants in turn", true, true, ir.Shape{2, 1, n, n}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := func(packed bool) []float64 {
				return run(t, ir.F64, nil, func(s *scope) *op.Node {
					x := s.Param("x", graph.Normal(1), b, n, 3, heads, d)
					m := layer.Mask{Causal: c.causal}
					if c.keys {
						there := []float64{1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1}
						m.Keys = s.Floats("keys", there, b, n)
					}
					wrt := []*op.Node{x}
					switch {
					case c.constant:
						m.Bias = s.Floats("bias", ramp(c.bias.Size()), c.bias...)
					case c.bias != nil:
						m.Bias = s.Param("bias", graph.Normal(1), c.bias...)
						wrt = append(wrt, m.Bias)
					}
					var y *op.Node
					if packed {
						y = layer.AttendPacked(s, x, m)
					} else {
						part := func(i int) *op.Node { return op.Reshape(op.Slice(x, 2, i, i+1), b, n, heads, d) }
						y = layer.Attend(s, part(0), part(1), part(2), m)
					}
					all := []*op.Node{op.Reshape(y, -1)}
					loss := op.SumAll(op.Mul(y, s.Floats("dy", ramp(b*n*heads*d), b, n, heads*d)))
					for _, g := range s.Gradients(loss, wrt) {
						all = append(all, op.Reshape(g, -1))
					}
					return op.Concat(0, all...)
				})
			}
			closeTo(t, c.name, result(true), result(false))
		})
	}
}

// The last attention's weights are those of its mask too; of windows there are none.
func TestLastAttentionIsMasked(t *testing.T) {
	g := layer.Grid{Special: 1, Rows: 2, Columns: 4}
	n := g.Tokens()
	weights := func(s *scope, o layer.Block) (x, w *op.Node) {
		o.Dim, o.Heads = 4, 2
		x = s.Param("x", graph.Normal(1), 1, n, 4)
		return x, layer.LastAttention(s, layer.PlacedBlocks(s.In("blocks"), o, 1, 0)(x, g))
	}
	got := run(t, ir.F64, nil, func(s *scope) *op.Node {
		_, w := weights(s, layer.Block{Mask: layer.Mask{Causal: true}})
		return op.Slice(w, 3, n-1, n) // all queries but the last have no weight for the last key
	})
	for i, w := range got {
		if last := i%n == n-1; (w == 0) == last {
			t.Errorf("the weight of the last key for query %d is %v", i%n, w)
		}
	}
	run(t, ir.F64, nil, func(s *scope) *op.Node {
		x, w := weights(s, layer.Block{Thrifty: &layer.Thrifty{Kind: "window", Size: 2}})
		if w != nil {
			t.Errorf("attention among windows has weights %v", op.ShapeOf(w))
		}
		return x
	})
}
