package dense

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// box draws where a view is pasted on canvases [n,h,w]: left, top, right and bottom in whole pixels, [n,4].
func (m *InsLoc) box(s *graph.Scope, r *graph.Random, n, h, w int) *graph.Node {
	low, high := m.Sides[0], m.Sides[1]
	height := op.Affine(r.Uniform(n, 1), high-low, low)
	// a width of the same law within the ratio of the height
	least := layer.AtLeast(op.Scale(height, 1/m.Ratio), low)
	most := layer.AtMost(op.Scale(height, m.Ratio), high)
	width := op.Add(least, op.Mul(r.Uniform(n, 1), op.Sub(most, least)))
	span := func(share *graph.Node, side int) (from, to *graph.Node) {
		long := layer.AtLeast(whole(s, op.Scale(share, float64(side)), side), 1)
		from = whole(s, op.Mul(r.Uniform(n, 1), op.Affine(long, -1, float64(side))), side)
		return from, op.Add(from, long)
	}
	top, bottom := span(height, h)
	left, right := span(width, w)
	return op.StopGradient(op.Concat(1, left, top, right, bottom))
}

// whole is the whole number nearest to x [n,1], from 0 to most.
func whole(s *graph.Scope, x *graph.Node, most int) *graph.Node {
	steps := make([]float64, most)
	for i := range steps {
		steps[i] = float64(i) + 0.5
	}
	return op.SumAxes(op.Less(s.Floats(fmt.Sprintf("const/steps%d", most), steps, 1, most), x), true, 1)
}

// candidates is how many boxes are drawn near a paste's, of which the first is taken that overlaps enough; the last is
// the paste's own.
const candidates = 16

// moved are boxes [n,4] near others whose intersection over union with them is at least Overlap: each edge moves by up
// to a third of its side.
func (m *InsLoc) moved(s *graph.Scope, r *graph.Random, box *graph.Node) *graph.Node {
	if m.Overlap == 1 {
		return box
	}
	n := op.ShapeOf(box)[0]
	edge := func(x *graph.Node, i int) *graph.Node { return op.Slice(x, 2, i, i+1) }
	own := op.Reshape(box, n, 1, 4)
	width, height := op.Sub(edge(own, 2), edge(own, 0)), op.Sub(edge(own, 3), edge(own, 1))
	sides := op.Concat(2, width, height, width, height)
	shift := op.Mul(op.Affine(r.Uniform(n, candidates-1, 4), 2./3, -1./3), sides)
	all := op.Concat(1, op.Add(own, shift), own) // [n,candidates,4]
	near := op.Greater(intersectionOverUnion(all, own), s.Constant(m.Overlap-1e-6))
	first := op.Argmax(op.Reshape(near, n, candidates)) // the own one overlaps wholly
	return op.StopGradient(op.Reshape(op.GatherTokens(all, op.Reshape(first, n, 1)), n, 4))
}

// intersectionOverUnion of boxes [n,k,4] with another each [n,1,4], [n,k,1].
func intersectionOverUnion(a, b *graph.Node) *graph.Node {
	edge := func(x *graph.Node, i int) *graph.Node { return op.Slice(x, 2, i, i+1) }
	area := func(x *graph.Node) *graph.Node {
		return op.Mul(op.Sub(edge(x, 2), edge(x, 0)), op.Sub(edge(x, 3), edge(x, 1)))
	}
	along := func(low, high int) *graph.Node {
		from := largest(edge(a, low), edge(b, low))
		to := op.Neg(largest(op.Neg(edge(a, high)), op.Neg(edge(b, high))))
		return op.Relu(op.Sub(to, from))
	}
	both := op.Mul(along(0, 2), along(1, 3))
	return op.Div(both, op.Sub(op.Add(area(a), area(b)), both))
}

// other is x [B,...] with every image in place of the one before it.
func other(x *graph.Node) *graph.Node {
	n := op.ShapeOf(x)[0]
	return op.Concat(0, op.Slice(x, 0, 1, n), op.Slice(x, 0, 0, 1))
}
