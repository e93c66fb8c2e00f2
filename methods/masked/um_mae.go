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

// UMMAE is a masked autoencoder for pyramids of attention: of every square of four units of an image one is seen, so
// that what is seen is a smaller image, and some of what is seen is masked again by a learned token, since a neighbour
// would tell too much.
//
// Li et al. 2022, Uniform Masking, arXiv:2205.10063, section 3. A unit is half as large on a side as a token of the
// encoder's last map, whose tokens become four in the decoder. As in the authors' code the secondary mask changes what
// the encoder sees and not what is painted. Their encoder has positions by a network of the tokens' places; here
// windows have the distances of the smaller image.
type UMMAE struct {
	// uniform: one unit of every four is seen | random: so many units anywhere are; the encoder works on the whole
	// image, with the learned token where they are hidden, as SimMIM's (arXiv:2111.09886)
	Masks        string  `toml:"masks"`
	Secondary    float64 `toml:"secondary"`     // fraction of the seen units that is masked in the encoder; of uniform
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a token
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	DecoderHeads int     `toml:"decoder_heads"` // of attention
	// paint units of mean 0 and variance 1 instead of the image's pixels
	NormalizePixels bool `toml:"normalize_pixels"`
}

// hiddenShare of the units is hidden: three of four.
const hiddenShare = 0.75

// DefaultUMMAE has the paper's settings for Swin-T.
func DefaultUMMAE() *UMMAE {
	return &UMMAE{Masks: "uniform", Secondary: 0.25, DecoderDim: 512, DecoderDepth: 2, DecoderHeads: 16,
		NormalizePixels: true}
}

// Validate implements methods.Method.
func (m *UMMAE) Validate() error {
	switch {
	case m.Masks != "uniform" && m.Masks != "random":
		return setting.Bad("masks", "%q: want \"uniform\" or \"random\"", m.Masks)
	case !(m.Secondary >= 0 && m.Secondary < 1):
		return setting.Bad("secondary", "%v: want a fraction from 0 up to, not with, 1", m.Secondary)
	}
	return checkDecoder(m.DecoderDim, m.DecoderDepth, m.DecoderHeads)
}

// Build implements methods.Method. The features are those of what the encoder saw.
func (m *UMMAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Pyramid == nil {
		b.Unfit("this backbone is no pyramid of tokens: choose one that is, such as [backbone.swin]")
	}
	x, e := b.View(0), enc.Pyramid(s)
	shape, unit := op.ShapeOf(x), e.Stride/2
	if unit%e.Patch != 0 || shape[1]%(4*unit) != 0 || shape[2]%(4*unit) != 0 {
		b.Unfit("images of %dx%d pixels do not fit: want a multiple of %d, twice the backbone's stride, and a "+
			"backbone of at least two stages", shape[1], shape[2], 4*unit)
	}
	grid := masks.Grid{Frames: 1, Rows: shape[1] / unit, Columns: shape[2] / unit}
	y := e.Embed(x)
	token := func() *graph.Node { // in place of masked ones
		return e.Norm(op.Reshape(s.Param("mask", graph.Normal(0.02), 1, e.Width), 1, 1, 1, e.Width))
	}
	var hidden *graph.Node
	var place func(seen *graph.Node) *graph.Node // [B,rows,columns,d] of the units that were encoded -> [B,T,d]
	decode := m.decoder(s.In("decoder"), e, grid, shape[3])
	if m.Masks == "random" {
		hidden = op.Reshape(b.Mask(&masks.Random{Ratio: hiddenShare}, grid), b.Size(), -1)
		y = covered(y, hidden, token(), grid)
		place = func(seen *graph.Node) *graph.Node { return op.Reshape(seen, b.Size(), grid.Tokens(), -1) }
	} else {
		hidden = op.Reshape(b.Mask(&masks.Window{Side: 2, Ratio: hiddenShare}, grid), b.Size(), -1)
		u := Uniform(hidden, grid)
		y = u.Take(y)
		if m.Secondary > 0 {
			half := masks.Grid{Frames: 1, Rows: grid.Rows / 2, Columns: grid.Columns / 2}
			again := op.Reshape(b.Mask(&masks.Random{Ratio: m.Secondary}, half), b.Size(), -1)
			y = covered(y, again, token(), half)
		}
		hole := s.In("decoder").Param("mask", graph.Normal(0.02), 1, m.DecoderDim)
		place = func(seen *graph.Node) *graph.Node { return u.Put(seen, hole) }
	}
	latent := e.Encode(y)
	features := op.GlobalAvgPool(latent)
	painted := decode(latent, place)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchMSE(painted, PatchTarget(x, unit,
			m.NormalizePixels), hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// covered is tokens y [B,h,w,E] with another one where units of a grid are masked [B,T].
func covered(y, mask, token *graph.Node, g masks.Grid) *graph.Node {
	s := op.ShapeOf(y)
	fine := op.BroadcastTo(op.Reshape(mask, s[0], g.Rows, 1, g.Columns, 1), ir.Shape{s[0], g.Rows, s[1] / g.Rows,
		g.Columns, s[2] / g.Columns})
	at := op.Reshape(fine, s[0], s[1], s[2], 1)
	return op.Add(op.Mul(y, op.Affine(at, -1, 1)), op.Mul(at, token))
}

// decoder paints units from the encoder's last map and where its units are: [B,T,unit*unit*C].
func (m *UMMAE) decoder(s *graph.Scope, e *backbones.PyramidEncoder, g masks.Grid,
	channels int) func(latent *graph.Node, place func(*graph.Node) *graph.Node) *graph.Node {
	d, unit := m.DecoderDim, e.Stride/2
	embed := layer.Dense(s.In("embed"), e.Dim, 4*d)
	position := s.Frozen("position", layer.SinCos2D(d, g.Rows, g.Columns), g.Tokens(), d)
	paint := layer.Chain(layer.Blocks(s.In("blocks"), layer.Block{Dim: d, Heads: m.DecoderHeads}, m.DecoderDepth, 0),
		layer.LayerNorm(s.In("norm"), d), layer.Dense(s.In("paint"), d, unit*unit*channels))
	return func(latent *graph.Node, place func(*graph.Node) *graph.Node) *graph.Node {
		b, h, w := op.ShapeOf(latent)[0], op.ShapeOf(latent)[1], op.ShapeOf(latent)[2]
		four := op.Transpose(op.Reshape(embed(latent), b, h, w, 2, 2, d), 0, 1, 3, 2, 4, 5)
		return paint(op.Add(place(op.Reshape(four, b, 2*h, 2*w, d)), position))
	}
}
