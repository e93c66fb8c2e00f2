package dense

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// wholly is how much of a bin has to lie on the foreground, less than 1 by what sums of weights are off.
const wholly = 0.999

// align is the part of maps x [B,h,w,K] in boxes [B,4], in fractions of the map, on a grid of bins: [B*bins,K].
func (m *Leopart) align(s *graph.Scope, x, box *graph.Node) *graph.Node {
	size := op.ShapeOf(x)
	h, w := float64(size[1]), float64(size[2])
	cells := op.Mul(s.AllRows(box), s.Floats("const/cells"+size.String(), []float64{w, h, w, h}, 1, 4))
	return op.Reshape(layer.RoIAlign(s, x, cells, layer.Region{Size: m.Align}), -1, size[3])
}

// foreground is 1 for the places [N,h,w,C] that the last attention behind them looks at most, as many as have the
// share of its mass: [N,h,w,1].
func (m *Leopart) foreground(s *graph.Scope, enc methods.Encoder, places *graph.Node) *graph.Node {
	size := slices.Clone(op.ShapeOf(places))
	n, t := size[0], size[1]*size[2]
	gaze := gazeOf(s, enc, places)
	if gaze == nil {
		op.Fail(s.Path(), "foreground = %v: the backbone has no attention that says where it is; want foreground = 0, "+
			"or a vit without relative positions", m.Foreground)
	}
	w := op.StopGradient(op.Mean(gaze, false, 1)) // [N,T]
	w = op.Div(w, op.SumAxes(w, true, 1))
	larger := op.Less(op.Reshape(w, n, t, 1), op.Reshape(w, n, 1, t)) // [N,T,T]: the column's is larger
	before := op.SumAxes(op.Mul(larger, op.Reshape(w, n, 1, t)), false, 2)
	size[3] = 1
	return op.Reshape(op.Less(before, s.Constant(m.Foreground)), size...)
}

// gazeOf is layer.Gaze at places [N,h,w,C]; nil: there is no attention behind them that can be had.
func gazeOf(s *graph.Scope, enc methods.Encoder, places *graph.Node) *graph.Node {
	if enc.Tokens == nil {
		return nil
	}
	size := op.ShapeOf(places)
	return layer.Gaze(s, places, size[1]*size[2], enc.Tokens(s).HasClass)
}
