package masked

import (
	"fmt"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// FCMAE is a masked autoencoder for convolutions: cells of an image are hidden and kept at nothing throughout the
// encoder, and a block of ConvNeXt paints them.
//
// Woo et al. 2023, ConvNeXt V2, arXiv:2301.00808, section 3. It needs a backbone that can leave out cells. The authors'
// sparse convolutions are dense ones of images in which hidden cells are 0; what works place by place works at
// visible ones alone. Their code normalises responses over all visible cells of a batch (response = "batch" of the
// backbone), and the dense network that is fine-tuned over those of an image.
type FCMAE struct {
	Mask         float64 `toml:"mask"`          // fraction of the cells that is hidden
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a cell
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	// paint cells of mean 0 and variance 1 instead of the image's pixels
	NormalizePixels bool `toml:"normalize_pixels"`
}

// DefaultFCMAE has the paper's settings.
func DefaultFCMAE() *FCMAE {
	return &FCMAE{Mask: 0.6, DecoderDim: 512, DecoderDepth: 1, NormalizePixels: true}
}

// Validate implements methods.Method.
func (m *FCMAE) Validate() error {
	switch {
	case !(m.Mask > 0 && m.Mask < 1):
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	case m.DecoderDim < 1:
		return setting.Bad("decoder_dim", "%d: want at least 1 channel", m.DecoderDim)
	case m.DecoderDepth < 1:
		return setting.Bad("decoder_depth", "%d: want at least 1 block", m.DecoderDepth)
	}
	return nil
}

// Build implements methods.Method. The features are those of the visible cells.
func (m *FCMAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Masked == nil {
		b.Unfit("this backbone cannot leave out cells of an image: choose one that can, such as [backbone.convnext]")
	}
	x, e := b.View(0), enc.Masked(s)
	kind, grid := &masks.Random{Ratio: m.Mask}, masks.Grid{Frames: 1, Rows: e.Rows, Columns: e.Columns}
	if shape := op.ShapeOf(x); shape[1] != e.Rows*e.Stride || shape[2] != e.Columns*e.Stride {
		b.Unfit("images of %dx%d pixels are no whole cells of %d: choose views.crop or the backbone's patch otherwise",
			shape[1], shape[2], e.Stride)
	}
	hidden := op.Reshape(b.Mask(kind, grid), b.Size(), -1)
	latent, painted := m.Reconstruct(s, e, x, hidden, kind.Visible(grid))
	features := e.Pool(latent, kind.Visible(grid))
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchMSE(painted, PatchTarget(x,
			e.Stride, m.NormalizePixels), hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Reconstruct encodes the visible cells of x [B,H,W,C], of which every image has so many, and paints all: the encoded
// [B,Rows,Columns,D], 0 where hidden [B,T] is 1, and the painted [B,T,Stride*Stride*C].
func (m *FCMAE) Reconstruct(s *graph.Scope, e *backbones.MaskedEncoder, x, hidden *graph.Node, visible int) (latent,
	painted *graph.Node) {
	latent = e.Encode(x, hidden, visible)
	at, d, init := s.In("decoder"), m.DecoderDim, graph.Normal(0.02)
	project := layer.DenseOf(at.In("embed"), e.Dim, d, init)
	token := op.Reshape(at.Param("mask", init, 1, d), 1, 1, 1, d) // two axes: it decays, as in the authors' code
	b := op.ShapeOf(x)[0]
	cells := op.Reshape(hidden, b, e.Rows, e.Columns, 1)
	seen := op.Mul(project(latent), op.Affine(cells, -1, 1))
	y := op.Add(seen, op.Mul(op.BroadcastTo(token, ir.Shape{b, e.Rows, e.Columns, d}), cells))
	for i := range m.DecoderDepth {
		y = backbones.ConvNeXtBlock{Dim: d, Response: true}.New(at.In(fmt.Sprintf("blocks/%d", i)))(y)
	}
	paint := layer.DenseOf(at.In("paint"), d, e.Stride*e.Stride*op.ShapeOf(x)[3], init)
	return latent, op.Reshape(paint(y), b, e.Rows*e.Columns, -1)
}
