// Package masked holds methods that predict what they do not see: section 2.5 of the Cookbook (arXiv:2304.12210).
package masked

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

// MAE hides most patches of an image, encodes the others, and has a small decoder paint the hidden ones.
//
// He et al., CVPR 2022, arXiv:2111.06377, section 3. As in the authors' code every image hides the same number of
// patches, and the decoder sees the class token if the encoder has one. It needs a backbone of tokens; the paper's has
// fixed sin-cos positions. Class and mask token decay, as in the authors' code.
type MAE struct {
	Mask         float64 `toml:"mask"`          // fraction of the patches that is hidden
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a token
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	DecoderHeads int     `toml:"decoder_heads"` // of attention
	// paint patches of mean 0 and variance 1 instead of the image's pixels
	NormalizePixels bool `toml:"normalize_pixels"`
}

// DefaultMAE has the paper's settings.
func DefaultMAE() *MAE {
	return &MAE{Mask: 0.75, DecoderDim: 512, DecoderDepth: 8, DecoderHeads: 16, NormalizePixels: true}
}

// Validate implements methods.Method.
func (m *MAE) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return checkDecoder(m.DecoderDim, m.DecoderDepth, m.DecoderHeads)
}

// checkDecoder says what is wrong with the settings of a decoder of blocks with fixed positions.
func checkDecoder(dim, depth, heads int) error {
	switch {
	case dim < 4 || dim%4 != 0:
		return setting.Bad("decoder_dim", "%d: want a multiple of 4, for positions by sines and cosines", dim)
	case depth < 1:
		return setting.Bad("decoder_depth", "%d: want at least 1 block", depth)
	case heads < 1 || dim%heads != 0:
		return setting.Bad("decoder_heads", "%d: want a divisor of decoder_dim = %d", heads, dim)
	}
	return nil
}

// Build implements methods.Method. The features are those of the visible patches.
func (m *MAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Tokens == nil {
		b.Unfit("this backbone has no patch tokens to hide: choose one that has, such as [backbone.vit]")
	}
	x, e := b.View(0), enc.Tokens(s)
	if e.Patch == 0 {
		b.Unfit("the tokens of this backbone are no patches of an image, whose pixels this method paints: choose " +
			"[backbone.vit]")
	}
	m.visible(e.Rows * e.Columns)
	hidden := b.Mask(m.kind(), methods.GridOf(e)) // [B,1,T]
	r := m.Reconstruct(s, e, x, op.Reshape(hidden, b.Size(), -1))
	features := e.Pool(r.Latent)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchMSE(r.Painted,
			PatchTarget(x, e.Patch, m.NormalizePixels), r.Hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// Reconstruction holds the outputs of encoder and decoder for a batch.
type Reconstruction struct {
	Latent  *graph.Node // [B,K,D] of the visible patches, after the class token if there is one
	Painted *graph.Node // [B,T,P*P*C] of all patches
	Hidden  *graph.Node // [B,T] 1 where a patch was hidden, else 0
	Places  *graph.Node // [B,T] int32: where each patch came in the shuffled order
}

// Reconstruct encodes, for every image of x [B,H,W,C], the patches of the least order [B,T] and paints all of them. The
// order is a mask, 1 where a patch is hidden, or any other numbers such as the authors' noise.
func (m *MAE) Reconstruct(s *graph.Scope, e *backbones.TokenEncoder, x, order *graph.Node) Reconstruction {
	return m.reconstruct(s, e, x, order, e.Patch*e.Patch*op.ShapeOf(x)[3])
}

// kind is the masks.
func (m *MAE) kind() masks.Kind { return &masks.Random{Ratio: m.Mask} }

// reconstruct is Reconstruct with so many numbers of a patch, whatever they are.
func (m *MAE) reconstruct(s *graph.Scope, e *backbones.TokenEncoder, x, order *graph.Node, width int) Reconstruction {
	visible := m.visible(op.ShapeOf(order)[1])
	shuffle := op.Argsort(order)
	places := op.Argsort(shuffle)
	latent := e.Encode(op.GatherTokens(e.Embed(x), op.Slice(shuffle, 1, 0, visible))) // [B,K,D] or [B,1+K,D]

	decode := m.decoder(s.In("decoder"), e, width)
	return Reconstruction{Latent: latent, Painted: decode(latent, places), Hidden: m.hidden(s, places), Places: places}
}

// visible is how many of t patches stay.
func (m *MAE) visible(t int) int {
	k := int(float64(t) * (1 - m.Mask))
	if k < 1 || k == t {
		op.Fail("", "mask = %v leaves %d of %d patches to see; there must be patches of both kinds", m.Mask, k, t)
	}
	return k
}

// hidden is 1 where a patch came after the visible ones: places [B,T] -> [B,T].
func (m *MAE) hidden(s *graph.Scope, places *graph.Node) *graph.Node {
	b, t := op.ShapeOf(places)[0], op.ShapeOf(places)[1]
	visible := m.visible(t)
	zeros := op.BroadcastTo(s.Constant(0), ir.Shape{b, visible, 1})
	ones := op.BroadcastTo(s.Constant(1), ir.Shape{b, t - visible, 1})
	return op.Reshape(op.GatherTokens(op.Concat(1, zeros, ones), places), b, t)
}

// PatchTarget is the pixels that each patch of x [B,H,W,C] should be painted with, [B,T,P*P*C], scaled to mean 0 and
// variance 1 by patch if normalize is set (the variance unbiased, plus 1e-6 under the root, as in the authors' code).
func PatchTarget(x *graph.Node, patch int, normalize bool) *graph.Node {
	p := layer.Patchify(x, patch)
	if !normalize {
		return p
	}
	return losses.UnitPatches(p)
}
