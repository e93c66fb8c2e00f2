package masked

import (
	"cmp"
	"math"
	"slices"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Data2Vec2 encodes what a few blocks show of an image, several times with other blocks, and has a small convolutional
// decoder tell everywhere else what a slowly following teacher, which sees the whole image once, says there. The
// teacher is evaluated.
//
//	loss = mean over hidden patches of sum over channels of (told - target)^2 / sqrt(D)
//	     + class * the same of the class token and the mean of the target over all patches
//
// Baevski et al., ICML 2023, arXiv:2212.07525, section 3. The target is the mean of the teacher's last layers, each
// scaled along the tokens, then along the channels. The tokens after a block stand for a layer, the authors' code takes
// what a block's MLP adds; its patch embedding is two blocks deep before the tokens are masked. The code sums the class
// token's term over the copies on a device, 256, where here is a mean: its weight of 0.01 is 2.56.
type Data2Vec2 struct {
	Mask float64 `toml:"mask"` // fraction of the patches that is hidden
	Side int     `toml:"side"` // of a block that is shown, patches
	// more that blocks show before single patches are hidden or shown
	Adjust float64 `toml:"adjust"`
	Copies int     `toml:"copies"` // masks of an image
	Layers int     `toml:"layers"` // last ones of the teacher that are averaged
	// deviation of what the decoder sees in place of hidden patches
	Noise float64 `toml:"noise"`
	// weight of the class token's term; without a class token there is none
	Class         float64 `toml:"class"`
	DecoderDim    int     `toml:"decoder_dim"`    // channels of the decoder's convolutions
	DecoderGroups int     `toml:"decoder_groups"` // of channels
	DecoderKernel int     `toml:"decoder_kernel"` // side of a convolution, patches
	DecoderDepth  int     `toml:"decoder_depth"`  // convolutions
	// of the teacher, at the first step and from the end of its ramp on
	Momentum [2]float64     `toml:"momentum"`
	Ramp     setting.Length `toml:"ramp"` // from one to the other
}

// DefaultData2Vec2 has the authors' settings for ViT-B on images.
func DefaultData2Vec2() *Data2Vec2 {
	k := masks.DefaultInverseBlock()
	return &Data2Vec2{Mask: k.Ratio, Side: k.Side, Adjust: k.Adjust, Copies: 16, Layers: 10, Noise: 0.01, Class: 2.56,
		DecoderDim: 768, DecoderGroups: 16, DecoderKernel: 3, DecoderDepth: 6, Momentum: [2]float64{0.9998, 0.99999},
		Ramp: setting.Percent(27)}
}

// Validate implements methods.Method.
func (m *Data2Vec2) Validate() error {
	for _, n := range []struct {
		key   string
		value int
	}{{"copies", m.Copies}, {"layers", m.Layers}, {"decoder_dim", m.DecoderDim}, {"decoder_groups", m.DecoderGroups},
		{"decoder_kernel", m.DecoderKernel}, {"decoder_depth", m.DecoderDepth}} {
		if n.value < 1 {
			return setting.Least(n.key, n.value, 1)
		}
	}
	switch {
	case !(m.Mask > 0 && m.Mask < 1):
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	case m.DecoderDim%m.DecoderGroups != 0:
		return setting.Bad("decoder_groups", "%d: want a divisor of decoder_dim = %d", m.DecoderGroups, m.DecoderDim)
	}
	return cmp.Or(setting.Weight("noise", m.Noise), setting.Weight("class", m.Class), checkMomentum(m.Momentum))
}

// Build implements methods.Method. The features are the teacher's of the whole image.
func (m *Data2Vec2) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	t := methods.Patches(s.Twin("teacher", s.Scheduled("teacher_momentum", ramp(m.Momentum, m.Ramp))), enc, b)
	if e.Dim%m.DecoderGroups != 0 {
		op.Fail(s.Path(), "decoder_groups = %d does not divide the %d channels of the encoder", m.DecoderGroups, e.Dim)
	}
	n, size := e.Rows*e.Columns, b.Size()
	kind := &masks.InverseBlock{Ratio: m.Mask, Side: m.Side, Adjust: m.Adjust}
	var drawn []*graph.Node
	for range m.Copies {
		drawn = append(drawn, methods.HiddenPatches(b, kind, e))
	}
	hidden := op.Concat(0, drawn...) // [MB,T], copy by copy
	kept := kind.Kept(methods.GridOf(e))
	order := op.Argsort(hidden) // what is shown first
	tokens := op.Concat(0, slices.Repeat([]*graph.Node{e.Embed(x)}, m.Copies)...)
	y := e.Encode(op.GatherTokens(tokens, op.Slice(order, 1, 0, kept))) // [MB,K,D]

	noise := op.Scale(s.Random("noise").Normal(m.Copies*size, n-kept, e.Dim), m.Noise)
	full := op.GatherTokens(op.Concat(1, e.Last(y, kept), noise), op.Argsort(order)) // [MB,T,D], in their places
	told := m.Decoder(s.In("decoder"), e)(full)

	own := t.Embed(x)
	target := Averaged(lastLayers(s, t, own, m.Layers), 1, 2)
	targets := op.Concat(0, slices.Repeat([]*graph.Node{target}, m.Copies)...)
	terms := []methods.Term{{Name: "latent", Weight: 1, Value: latentLoss(told, targets, hidden, 0)}}
	if e.HasClass && m.Class > 0 {
		guess := layer.Dense(s.In("class"), e.Dim, e.Dim)(e.Pool(y))
		terms = append(terms, methods.Term{Name: "class", Weight: m.Class, Value: wholeLoss(guess, targets)})
	}
	features := t.Pool(t.Encode(own))
	return methods.Objective{
		Features: features, Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "target_spread", Value: losses.Spread(op.Mean(target, false, 1))}},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// wholeLoss is the mean over guesses [B,D] of the sum over channels of the squared difference from the mean of targets
// [B,T,D] over tokens, over the root of D.
func wholeLoss(guess, target *graph.Node) *graph.Node {
	goal := op.Mean(op.StopGradient(target), false, 1)
	at := op.ShapeOf(guess)
	return op.Scale(op.SumAll(op.Square(op.Sub(guess, goal))), 1/(float64(at[0])*math.Sqrt(float64(at[1]))))
}
