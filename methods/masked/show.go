package masked

import (
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Show implements methods.Shown: the image, what the encoder sees of it, and that with what is painted in the hidden
// patches. Where patches are painted with mean 0 and variance 1 they are given those of the image's patch, as in the
// figures of the authors.
func (m *MAE) Show(s *graph.Scope, enc methods.Encoder, b *methods.Batch) []methods.Picture {
	e, x := enc.Tokens(s), b.View(0)
	order := b.Mask(m.kind(), methods.GridOf(e))
	r := m.Reconstruct(s, e, x, op.Reshape(order, b.Size(), -1))
	return pictures(x, inPixels(r.Painted, x, e.Patch, m.NormalizePixels), r.Hidden, e.Patch)
}

// Show implements methods.Shown, as MAE does.
func (m *FCMAE) Show(s *graph.Scope, enc methods.Encoder, b *methods.Batch) []methods.Picture {
	x, e := b.View(0), enc.Masked(s)
	kind, grid := &masks.Random{Ratio: m.Mask}, masks.Grid{Frames: 1, Rows: e.Rows, Columns: e.Columns}
	hidden := op.Reshape(b.Mask(kind, grid), b.Size(), -1)
	_, painted := m.Reconstruct(s, e, x, hidden, kind.Visible(grid))
	return pictures(x, inPixels(painted, x, e.Stride, m.NormalizePixels), hidden, e.Stride)
}

// inPixels undoes the normalisation of PatchTarget, with the mean and the variance of each patch of x.
func inPixels(painted, x *graph.Node, patch int, normalized bool) *graph.Node {
	if !normalized {
		return painted
	}
	p := layer.Patchify(x, patch)
	mean := op.Mean(p, true, -1)
	n := op.ShapeOf(p).Last()
	variance := op.Scale(op.SumAxes(op.Square(op.Sub(p, mean)), true, -1), 1/float64(max(n-1, 1)))
	return op.Add(op.Mul(painted, op.Sqrt(op.Shift(variance, 1e-6))), mean)
}

// Show implements methods.Shown: the image, what the encoder sees of it, and that with what is painted in the hidden
// patches.
func (m *SimMIM) Show(s *graph.Scope, enc methods.Encoder, b *methods.Batch) []methods.Picture {
	e, x := methods.Patches(s, enc, b), b.View(0)
	hidden := methods.HiddenPatches(b, &masks.Coarse{Side: m.Side, Ratio: m.Mask}, e)
	_, painted := m.Paint(s, e, x, hidden)
	return pictures(x, painted, hidden, e.Patch)
}

// pictures are x [B,H,W,C], x with its hidden patches [B,T] grey, and x with what is painted [B,T,P*P*C] in them.
func pictures(x, painted, hidden *graph.Node, patch int) []methods.Picture {
	shape := op.ShapeOf(x)
	cover := op.Reshape(hidden, shape[0], op.ShapeOf(hidden)[1], 1)
	seen := op.Mul(layer.Patchify(x, patch), op.Affine(cover, -1, 1)) // 0 is the training images' mean
	return []methods.Picture{
		{Name: "image", Value: x},
		{Name: "seen", Value: unpatchify(seen, patch, shape[1], shape[2])},
		{Name: "painted", Value: unpatchify(op.Add(seen, op.Mul(painted, cover)), patch, shape[1], shape[2])},
	}
}

// unpatchify undoes layer.Patchify: [B,T,p*p*C] -> [B,h,w,C].
func unpatchify(y *graph.Node, p, h, w int) *graph.Node {
	s := op.ShapeOf(y)
	c := s[2] / (p * p)
	return op.Reshape(op.Transpose(op.Reshape(y, s[0]*h/p, w/p, p, p*c), 0, 2, 1, 3), s[0], h, w, c)
}
