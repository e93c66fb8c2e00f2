package video

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
)

// inner is maps [B,H,W,...] without their outermost pixels.
func inner(x *graph.Node) *graph.Node {
	size := op.ShapeOf(x)
	return op.Slice(op.Slice(x, 1, 1, size[1]-1), 2, 1, size[2]-1)
}

// photometric is how far images a and b [B,H,W,C] of values from 0 to 1 are apart at each pixel but the outermost,
// [B,H-2,W-2]: alpha (1 - SSIM)/2 + (1 - alpha) |a - b|, means over the channels. SSIM is of windows of 3x3 (Wang et
// al. 2004, doi:10.1109/TIP.2003.819861, eq. 13).
func photometric(a, b *graph.Node, alpha float64) *graph.Node {
	mean := func(x *graph.Node) *graph.Node {
		return op.AvgPool2D(x, op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}})
	}
	const c1, c2 = 0.01 * 0.01, 0.03 * 0.03
	ma, mb := mean(a), mean(b)
	both, aa, bb := op.Mul(ma, mb), op.Square(ma), op.Square(mb)
	joint := op.Sub(mean(op.Mul(a, b)), both)
	varied := op.Sub(op.Add(mean(op.Square(a)), mean(op.Square(b))), op.Add(aa, bb))
	like := op.Div(op.Mul(op.Affine(both, 2, c1), op.Affine(joint, 2, c2)),
		op.Mul(op.Shift(op.Add(aa, bb), c1), op.Shift(varied, c2)))
	apart := layer.AtMost(layer.AtLeast(op.Affine(like, -0.5, 0.5), 0), 1)
	sum := op.Add(op.Scale(apart, alpha), op.Scale(inner(op.Abs(op.Sub(a, b))), 1-alpha))
	return op.Mean(sum, false, 3)
}

// together is the mean of what several frames give each pixel, over the pixels that they show.
func (m *MonoDepth) together(s *graph.Scope, errs, shown []*graph.Node) *graph.Node {
	if !m.Best {
		var all []*graph.Node
		for i := range errs {
			all = append(all, losses.MeanOver(errs[i], s.AllRows(shown[i])))
		}
		return op.Scale(op.Sum(all...), 1/float64(len(all)))
	}
	const hidden = 100 // above any difference
	of := func(i int) *graph.Node { return op.Add(errs[i], op.Affine(shown[i], -hidden, hidden)) }
	best := of(0)
	for i := 1; i < len(errs); i++ {
		best = op.Sub(best, op.Relu(op.Sub(best, of(i))))
	}
	return losses.MeanOver(best, s.AllRows(op.Less(best, s.Constant(hidden/2))))
}

// smoothness is how much disparities d [B,H,W], over their mean, change from pixel to pixel where the image [B,H,W,C]
// does not.
func smoothness(d, image *graph.Node) *graph.Node {
	d = op.Div(d, op.Shift(op.Mean(d, true, 1, 2), 1e-7))
	along := func(axis int) *graph.Node {
		step := func(x *graph.Node) *graph.Node {
			n := op.ShapeOf(x)[axis]
			return op.Abs(op.Sub(op.Slice(x, axis, 1, n), op.Slice(x, axis, 0, n-1)))
		}
		return op.MeanAll(op.Mul(step(d), op.Exp(op.Neg(op.Mean(step(image), false, 3)))))
	}
	return op.Add(along(1), along(2))
}
