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

// MAEST, the masked autoencoder of space and time, hides most tubes of a clip anywhere, encodes the others, and has a
// small decoder paint some frames of the hidden ones.
//
//	loss = mean over hidden tubes of |g(f(visible)) - tube|^2 / N
//
// Feichtenhofer et al. 2022, arXiv:2205.09113, section 3. Unlike VideoMAE's, the masks of the frames have nothing to do
// with each other ("agnostic" of space and time), the decoder has all tokens at their places, with learned positions,
// places and times apart, and a class token of its own where the encoder has one; and a tube's pixels are scaled over
// its frames and channels together. As in the authors' code the frames that are painted are spread evenly over the
// clip, the first and the last among them.
type MAEST struct {
	Mask         float64 `toml:"mask"`          // fraction of the tubes that is hidden
	Frames       int     `toml:"frames"`        // of each tube that are painted; 0: all
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a token
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	DecoderHeads int     `toml:"decoder_heads"` // of attention
	DecoderMLP   int     `toml:"decoder_mlp"`   // width within a block's MLP; 0: four times decoder_dim
	// paint tubes of mean 0 and variance 1 instead of the clip's pixels
	NormalizePixels bool `toml:"normalize_pixels"`
}

// DefaultMAEST has the paper's settings: clips of 16 frames in tubes of two, of which one is painted.
func DefaultMAEST() *MAEST {
	return &MAEST{Mask: 0.9, Frames: 1, DecoderDim: 512, DecoderDepth: 4, DecoderHeads: 16, NormalizePixels: true}
}

// Validate implements methods.Method.
func (m *MAEST) Validate() error {
	switch {
	case !(m.Mask > 0 && m.Mask < 1):
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	case m.Frames < 0:
		return setting.Bad("frames", "%d: want at least 1, or 0 for all frames of a tube", m.Frames)
	}
	return checkDecoder(m.DecoderDim, m.DecoderDepth, m.DecoderHeads, m.DecoderMLP, 1)
}

// Build implements methods.Method. The features are those of the visible tubes.
func (m *MAEST) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := needTubes(s, enc, b), b.View(0)
	grid := masks.Grid{Frames: e.Frames, Rows: e.Rows, Columns: e.Columns}
	hidden := op.Reshape(b.Mask(&masks.Random{Ratio: m.Mask}, grid), b.Size(), grid.Tokens())
	latent, painted := m.Paint(s, e, x, hidden, (&masks.Random{Ratio: m.Mask}).Visible(grid))
	features := e.Pool(latent)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchMSE(painted, m.Target(e, x),
			hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Paint encodes, for every clip of x [B,F,H,W,C], the visible tubes of the least order [B,T], a mask or any other
// numbers such as the authors' noise, and paints all of them: latent [B,K,D], or [B,1+K,D] with a class token, and
// painted [B,T,u*P*P*C].
func (m *MAEST) Paint(s *graph.Scope, e *backbones.TokenEncoder, x, order *graph.Node, visible int) (latent,
	painted *graph.Node) {
	shuffle := op.Argsort(order)
	latent = e.Encode(op.GatherTokens(e.Embed(x), op.Slice(shuffle, 1, 0, visible)))
	decode := m.decoder(s.In("decoder"), e, m.painted(e)*e.Patch*e.Patch*op.ShapeOf(x)[4])
	return latent, decode(e.Last(latent, visible), op.Argsort(shuffle))
}

// painted is how many frames of a tube are painted.
func (m *MAEST) painted(e *backbones.TokenEncoder) int {
	if m.Frames > e.Tube {
		op.Fail("", "frames = %d of tubes of %d; want at most %d, or 0 for all", m.Frames, e.Tube, e.Tube)
	}
	if m.Frames == 0 {
		return e.Tube
	}
	return m.Frames
}

// decoder puts a mask token at every hidden place and paints: (latent [B,K,D], places [B,T]) -> [B,T,width].
func (m *MAEST) decoder(s *graph.Scope, e *backbones.TokenEncoder, width int) func(latent,
	places *graph.Node) *graph.Node {
	t, d := e.Frames*e.Rows*e.Columns, m.DecoderDim
	embed := layer.Dense(s.In("embed"), e.Dim, d)
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, d), 1, 1, d) // two axes: it decays
	position := backbones.SpaceTime(s.In("position"), e, d)
	blocks := layer.Blocks(s.In("blocks"), layer.Block{Dim: d, Heads: m.DecoderHeads, Hidden: m.DecoderMLP},
		m.DecoderDepth, 0)
	paint := layer.Chain(blocks, layer.LayerNorm(s.In("norm"), d), layer.Dense(s.In("paint"), d, width))
	class := layer.Chain()
	if e.HasClass {
		class = backbones.ClassToken(s, d)
	}
	return func(latent, places *graph.Node) *graph.Node {
		y := embed(latent)
		b, k := op.ShapeOf(y)[0], op.ShapeOf(y)[1]
		hidden := op.BroadcastTo(mask, ir.Shape{b, t - k, d})
		full := op.Add(op.GatherTokens(op.Concat(1, y, hidden), places), position) // [B,T,d]
		if e.HasClass {
			full = op.Concat(1, class(full), full)
		}
		return e.Last(paint(full), t)
	}
}

// Target is the pixels that each tube of x [B,F,H,W,C] should be painted with, [B,T,u*P*P*C]: those of u frames of it,
// scaled to mean 0 and variance 1 by tube if pixels are normalised.
func (m *MAEST) Target(e *backbones.TokenEncoder, x *graph.Node) *graph.Node {
	u := m.painted(e)
	n, all := u*e.Frames, op.ShapeOf(x)[1]
	frames := make([]*graph.Node, n)
	for i := range frames {
		at := 0
		if n > 1 {
			at = i * (all - 1) / (n - 1)
		}
		frames[i] = op.Slice(x, 1, at, at+1)
	}
	tubes := backbones.Tubes(op.Concat(1, frames...), u, e.Patch)
	if !m.NormalizePixels {
		return tubes
	}
	return losses.UnitPatches(tubes)
}
