package masked

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// HOG is histograms of oriented gradients of the channels of x [B,H,W,C]: [B,H/cell,W/cell,C,bins], in each square cell
// of each channel the lengths of the gradients by their orientation, scaled to a row of unit length. It has no
// gradient.
//
// Dalal and Triggs, CVPR 2005, as in the code of Wei et al. 2022, arXiv:2112.09133: gradients by Sobel's masks with
// the image mirrored at its borders, orientations between 0 and pi from the vertical, the whole of a gradient in one
// bin, no blocks of cells.
func HOG(x *graph.Node, bins, cell int) *graph.Node {
	s := op.ShapeOf(x)
	b, h, w, c := s[0], s[1], s[2], s[3]
	p := mirror(mirror(op.StopGradient(x), 1), 2)
	dx := smooth(difference(p, 2), 1)
	dy := smooth(difference(p, 1), 2)
	length := op.Sqrt(op.Add(op.Square(dx), op.Square(dy)))
	// the half plane in which orientations are from 0, upright, up to pi
	turn, upright := op.Affine(op.Less(dx, op.Scale(dx, 0)), -2, 1), op.Equal(dx, op.Scale(dx, 0))
	dy = op.Add(op.Mul(upright, op.Abs(dy)), op.Mul(op.Mul(op.Affine(upright, -1, 1), turn), dy))
	dx = op.Mul(dx, turn)
	beyond := func(k int) *graph.Node { // 1 where the orientation is at least k/bins of pi
		sin, cos := math.Sincos(float64(k) * math.Pi / float64(bins))
		return op.Affine(op.Less(op.Scale(dx, cos), op.Scale(dy, sin)), -1, 1)
	}
	var all []*graph.Node
	last := length // of what is in this bin or a later one
	for k := 1; k <= bins; k++ {
		next := op.Scale(length, 0)
		if k < bins {
			next = op.Mul(length, beyond(k))
		}
		sum := op.AvgPool2D(op.Sub(last, next), op.Pool{Kernel: [2]int{cell, cell}, Stride: [2]int{cell, cell}})
		all, last = append(all, op.Reshape(sum, b, h/cell, w/cell, c, 1)), next
	}
	return op.StopGradient(op.Normalize(op.Concat(4, all...), 1e-12))
}

// mirror puts one row before and after an axis, as a mirror on the first and the last shows them.
func mirror(x *graph.Node, axis int) *graph.Node {
	n := op.ShapeOf(x)[axis]
	return op.Concat(axis, op.Slice(x, axis, 1, 2), x, op.Slice(x, axis, n-2, n-1))
}

// difference is what is before each row of an axis less what is after it, of all but the first and the last row.
func difference(x *graph.Node, axis int) *graph.Node {
	n := op.ShapeOf(x)[axis]
	return op.Sub(op.Slice(x, axis, 0, n-2), op.Slice(x, axis, 2, n))
}

// smooth is each row of an axis twice and its neighbours once, of all but the first and the last row.
func smooth(x *graph.Node, axis int) *graph.Node {
	n := op.ShapeOf(x)[axis]
	return op.Add(op.Add(op.Slice(x, axis, 0, n-2), op.Scale(op.Slice(x, axis, 1, n-1), 2)), op.Slice(x, axis, 2, n))
}
