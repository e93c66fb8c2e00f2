package masked

import (
	"cmp"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SimMIM puts a mask token in place of patches, encodes all, and has one linear layer tell the pixels of the hidden.
//
//	loss = sum over hidden pixels of |x - painted| / their number
//
// Xie et al., CVPR 2022, arXiv:2111.09886, section 3. Squares of several patches are hidden together, and the target is
// pixels as the views have them. The authors' ViT is BEiT's, with relative positions and layer scale; any ViT serves.
type SimMIM struct {
	Mask float64 `toml:"mask"` // fraction of the squares that is hidden
	Side int     `toml:"side"` // of a square, patches
}

// DefaultSimMIM has the paper's settings for patches of 16 pixels.
func DefaultSimMIM() *SimMIM { return &SimMIM{Mask: 0.6, Side: 2} }

// Validate implements methods.Method.
func (m *SimMIM) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return setting.Least("side", m.Side, 1)
}

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *SimMIM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	hidden := methods.HiddenPatches(b, &masks.Coarse{Side: m.Side, Ratio: m.Mask}, e)
	y, painted := m.Paint(s, e, x, hidden)
	features := e.Pool(y)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchL1(painted,
			layer.Patchify(x, e.Patch), hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Paint encodes x [B,H,W,C] whose hidden patches [B,T] are mask tokens: encoded tokens y, and the pixels of all
// patches [B,T,P*P*C].
func (m *SimMIM) Paint(s *graph.Scope, e *backbones.TokenEncoder, x, hidden *graph.Node) (y, painted *graph.Node) {
	y = e.Encode(e.Hiding(x, hidden, methods.MaskToken(s, e.Dim)))
	paint := layer.Dense(s.In("paint"), e.Dim, e.Patch*e.Patch*op.ShapeOf(x)[3])
	return y, paint(e.Last(y, op.ShapeOf(hidden)[1]))
}

// MaskFeat puts a mask token in place of patches, encodes all, and has one linear layer tell the histograms of oriented
// gradients (HOG) of the hidden.
//
//	loss = mean over hidden patches and elements of (told - HOG)^2
//
// Wei et al., CVPR 2022, arXiv:2112.09133, sections 3.1 and 3.2: of each channel, in cells of some pixels, each
// cell's bins of unit length. Masks are BEiT's blocks.
type MaskFeat struct {
	Mask     float64 `toml:"mask"`     // fraction of the patches that is hidden, at most
	Smallest int     `toml:"smallest"` // patches of a block
	Bins     int     `toml:"bins"`     // of orientations between 0 and pi
	Cell     int     `toml:"cell"`     // side, pixels; it divides a patch's
}

// DefaultMaskFeat has the paper's settings for images.
func DefaultMaskFeat() *MaskFeat { return &MaskFeat{Mask: 0.4, Smallest: 16, Bins: 9, Cell: 8} }

// Validate implements methods.Method.
func (m *MaskFeat) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return cmp.Or(setting.Least("smallest", m.Smallest, 1), setting.Least("bins", m.Bins, 2),
		setting.Least("cell", m.Cell, 1))
}

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *MaskFeat) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	if e.Patch%m.Cell != 0 {
		op.Fail(s.Path(), "cell = %d does not divide patches of %d pixels", m.Cell, e.Patch)
	}
	hidden := methods.HiddenPatches(b, &masks.Block{Ratio: m.Mask, Smallest: m.Smallest, Aspect: 0.3}, e)
	target := m.Target(x, e.Patch)
	y := e.Encode(e.Hiding(x, hidden, methods.MaskToken(s, e.Dim)))
	told := layer.Dense(s.In("tell"), e.Dim, op.ShapeOf(target)[2])(e.Last(y, op.ShapeOf(hidden)[1]))
	features := e.Pool(y)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "hog", Weight: 1, Value: losses.PatchMSE(told, target, hidden)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Target is what patches of x [B,H,W,C] should be told as, [B,T,C*Bins*u*u] with u cells along a patch: by channel,
// then bin, then the cells by rows.
func (m *MaskFeat) Target(x *graph.Node, patch int) *graph.Node {
	u, c := patch/m.Cell, op.ShapeOf(x)[3]
	hog := HOG(x, m.Bins, m.Cell) // [B,h,w,C,Bins]
	n := op.ShapeOf(hog)
	cells := layer.Patchify(op.Reshape(hog, n[0], n[1], n[2], c*m.Bins), u) // [B,T,u*u*C*Bins]
	t := op.ShapeOf(cells)[1]
	return op.Reshape(op.Transpose(op.Reshape(cells, n[0], t, u*u, c*m.Bins), 0, 1, 3, 2), n[0], t, c*m.Bins*u*u)
}
