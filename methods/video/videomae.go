// Package video holds methods for clips: section 4.1 of the Cookbook (arXiv:2304.12210).
package video

import (
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

// VideoMAE hides most tubes of a clip, the same places in all frames, encodes the others, and has a small decoder paint
// the hidden ones.
//
// Tong et al. 2022, arXiv:2203.12602, sections 3.2 and 3.3. As in the authors' code the decoder reads what is visible
// before the mask tokens and paints the hidden tubes alone, whose pixels are scaled to mean 0 and deviation 1 by tube
// and channel. Pixels are those of the view, normalised by the data's statistics, where the code undoes that first:
// after the scaling only its epsilon tells.
type VideoMAE struct {
	Mask         float64 `toml:"mask"`          // fraction of a frame's places that is hidden
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a token
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	DecoderHeads int     `toml:"decoder_heads"` // of attention
	DecoderMLP   int     `toml:"decoder_mlp"`   // width within a block's MLP; 0: four times decoder_dim
	// paint tubes of mean 0 and deviation 1 instead of the clip's pixels
	NormalizePixels bool `toml:"normalize_pixels"`
}

// DefaultVideoMAE has the paper's settings for ViT-S.
func DefaultVideoMAE() *VideoMAE {
	return &VideoMAE{Mask: 0.9, DecoderDim: 192, DecoderDepth: 4, DecoderHeads: 3, NormalizePixels: true}
}

// Validate implements methods.Method.
func (m *VideoMAE) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return checkDecoder(m.DecoderDim, m.DecoderDepth, m.DecoderHeads, m.DecoderMLP, 2)
}

// checkDecoder says what is wrong with the settings of a decoder, whose width is a multiple of a number.
func checkDecoder(dim, depth, heads, hidden, multiple int) error {
	switch {
	case depth < 1:
		return setting.Bad("decoder_depth", "%d: want at least 1 block", depth)
	case heads < 1:
		return setting.Bad("decoder_heads", "%d: want at least 1", heads)
	case hidden < 0:
		return setting.Bad("decoder_mlp", "%d: want a width above 0, or 0 for four times decoder_dim", hidden)
	case dim < 1 || dim%multiple != 0 || dim%heads != 0:
		return setting.Bad("decoder_dim", "%d: want a multiple of %d and of decoder_heads = %d", dim, multiple, heads)
	}
	return nil
}

// needTubes is the encoder's tubes, for methods that hide some; other backbones stop the build.
func needTubes(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *backbones.TokenEncoder {
	if enc.Tokens == nil {
		b.Unfit("this backbone has no tubes to hide: choose [backbone.vit3d]")
	}
	e := enc.Tokens(s)
	if e.Frames == 0 {
		b.Unfit("this backbone's tokens are patches of images: choose [backbone.vit3d]")
	}
	return e
}

// Build implements methods.Method. The features are those of the visible tubes.
func (m *VideoMAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := needTubes(s, enc, b), b.View(0)
	grid := masks.Grid{Frames: e.Frames, Rows: e.Rows, Columns: e.Columns}
	tubes := &masks.Tube{Ratio: m.Mask}
	p := m.Paint(s, e, x, op.Reshape(b.Mask(tubes, grid), b.Size(), grid.Tokens()), grid.Frames*tubes.Visible(grid))
	target := op.GatherTokens(TubeTarget(x, e.Tube, e.Patch, m.NormalizePixels), p.Hidden)
	features := e.Pool(p.Latent)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1,
			Value: op.MeanAll(op.Square(op.Sub(p.Painted, target)))}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Painting holds VideoMAE's outputs for clips of which visible tubes are seen.
type Painting struct {
	Latent  *graph.Node // visible tubes encoded, [B,K,D], behind the class token if there is one
	Hidden  *graph.Node // numbers of the others, in order, int32 [B,T-K]
	Painted *graph.Node // their pixels, [B,T-K,t*P*P*C]
}

// Paint encodes the tubes of x [B,F,H,W,C] that mask [B,T] has 0 for, visible ones of each clip, and paints the others.
func (m *VideoMAE) Paint(s *graph.Scope, e *backbones.TokenEncoder, x, mask *graph.Node, visible int) Painting {
	order := op.Argsort(mask) // what is visible first, each in order
	seen, hidden := op.Slice(order, 1, 0, visible), op.Slice(order, 1, visible, e.Frames*e.Rows*e.Columns)
	latent := e.Encode(op.GatherTokens(e.Embed(x), seen)) // [B,K,D], or [B,1+K,D] with a class token
	paint := m.decoder(s.In("decoder"), e, op.ShapeOf(x)[4])
	return Painting{Latent: latent, Hidden: hidden, Painted: paint(e.Last(latent, visible), seen, hidden)}
}

// decoder paints the hidden tubes: (latent [B,K,D], places of what is seen [B,K] and hidden [B,N]) -> [B,N,t*P*P*C].
func (m *VideoMAE) decoder(s *graph.Scope, e *backbones.TokenEncoder, channels int) func(latent, seen,
	hidden *graph.Node) *graph.Node {
	t, d := e.Frames*e.Rows*e.Columns, m.DecoderDim
	embed := s.In("embed").Param("weight", layer.XavierUniform(e.Dim, d), e.Dim, d) // without bias, as in the code
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, d), 1, 1, d)
	position := s.Frozen("position", backbones.SinCos1D(d, t), t, d)
	blocks := layer.Blocks(s.In("blocks"), layer.Block{Dim: d, Heads: m.DecoderHeads, Hidden: m.DecoderMLP},
		m.DecoderDepth, 0)
	norm := layer.LayerNorm(s.In("norm"), d)
	paint := layer.Dense(s.In("paint"), d, e.Tube*e.Patch*e.Patch*channels)
	return func(latent, seen, hidden *graph.Node) *graph.Node {
		b, k, n := op.ShapeOf(latent)[0], op.ShapeOf(seen)[1], op.ShapeOf(hidden)[1]
		places := op.BroadcastTo(op.Reshape(position, 1, t, d), ir.Shape{b, t, d})
		known := op.Reshape(layer.Product(s, op.Reshape(latent, -1, e.Dim), embed), b, k, d)
		known = op.Add(known, op.GatherTokens(places, seen))
		asked := op.Add(op.GatherTokens(places, hidden), mask)
		y := blocks(op.Concat(1, known, asked))
		return paint(norm(op.Slice(y, 1, k, k+n)))
	}
}

// TubeTarget is the pixels that each tube of x [B,F,H,W,C] should be painted with, [B,T,t*P*P*C], scaled to mean 0 and
// deviation 1 by tube and channel if normalize is set (the deviation unbiased, plus 1e-6, as in the authors' code).
func TubeTarget(x *graph.Node, tube, patch int, normalize bool) *graph.Node {
	y := backbones.Tubes(x, tube, patch)
	if !normalize {
		return y
	}
	shape, c := op.ShapeOf(y), op.ShapeOf(x)[4]
	n := shape[2] / c
	p := op.Reshape(y, shape[0], shape[1], n, c)
	centred := op.Sub(p, op.Mean(p, true, 2))
	variance := op.Scale(op.SumAxes(op.Square(centred), true, 2), 1/float64(max(n-1, 1)))
	return op.Reshape(op.Mul(centred, op.Reciprocal(op.Shift(op.Sqrt(variance), 1e-6))), shape...)
}
