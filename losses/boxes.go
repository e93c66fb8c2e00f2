package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Boxes [...,4] are the centre's x and y, width and height, in shares of the image.

// BoxDistance is the sum of the absolute differences of two boxes' four numbers, [...] of boxes [...,4] that broadcast.
func BoxDistance(a, b *graph.Node) *graph.Node {
	d := op.Abs(op.Sub(a, b))
	return op.SumAxes(d, false, len(op.ShapeOf(d))-1)
}

// GIoU is the generalised intersection over union of boxes that broadcast, [...] of [...,4]: the intersection over the
// union, less the share of the smallest box around both that neither covers; from -1 to 1.
//
// Rezatofighi et al. 2019, arXiv:1902.09630, algorithm 1. Boxes have a width and a height above 0.
func GIoU(a, b *graph.Node) *graph.Node {
	axis := func(x *graph.Node, i int) (low, high, size *graph.Node) {
		last := len(op.ShapeOf(x)) - 1
		part := func(k int) *graph.Node {
			return op.Reshape(op.Slice(x, last, k, k+1), op.ShapeOf(x)[:last]...)
		}
		half := op.Scale(part(i+2), 0.5)
		return op.Sub(part(i), half), op.Add(part(i), half), part(i + 2)
	}
	var both, around, areaA, areaB *graph.Node
	for i := range 2 {
		lowA, highA, sizeA := axis(a, i)
		lowB, highB, sizeB := axis(b, i)
		inner := op.Relu(op.Sub(Smaller(highA, highB), Larger(lowA, lowB)))
		outer := op.Sub(Larger(highA, highB), Smaller(lowA, lowB))
		if i == 0 {
			both, around, areaA, areaB = inner, outer, sizeA, sizeB
		} else {
			both, around = op.Mul(both, inner), op.Mul(around, outer)
			areaA, areaB = op.Mul(areaA, sizeA), op.Mul(areaB, sizeB)
		}
	}
	union := op.Sub(op.Add(areaA, areaB), both)
	return op.Sub(op.Div(both, union), op.Div(op.Sub(around, union), around))
}

// Larger is the larger of two values, which broadcast.
func Larger(a, b *graph.Node) *graph.Node { return op.Add(a, op.Relu(op.Sub(b, a))) }

// Smaller is the smaller of two values, which broadcast.
func Smaller(a, b *graph.Node) *graph.Node { return op.Sub(a, op.Relu(op.Sub(a, b))) }
