package masked

import (
	"cmp"
	"math"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Data2Vec puts a mask token in place of patches, and has the encoder tell what a slowly following teacher, which sees
// the whole image, says there: the mean of its last layers. The teacher is evaluated.
//
//	loss = mean over hidden patches of sum over channels of smooth L1(told, target) / sqrt(D)
//
// Baevski et al., ICML 2022, arXiv:2202.03555, sections 3.2 to 3.4, for images. Layers are the tokens after a block, as
// in the authors' code by default, each and their mean scaled to mean 0 and variance 1 by token. Masks are BEiT's
// blocks. In the authors' code the teacher shares the student's patch embedding; here it has one that follows.
type Data2Vec struct {
	Mask     float64 `toml:"mask"`     // fraction of the patches that is hidden, at most
	Smallest int     `toml:"smallest"` // patches of a block
	Layers   int     `toml:"layers"`   // last ones of the teacher that are averaged
	Beta     float64 `toml:"beta"`     // where the loss turns from squares to distances; 0: squares
	// of the teacher at the first step and from the end of its ramp on, between which it rises evenly
	Momentum [2]float64     `toml:"momentum"`
	Ramp     setting.Length `toml:"ramp"` // from one to the other
}

// DefaultData2Vec has the paper's settings for ViT-B.
func DefaultData2Vec() *Data2Vec {
	return &Data2Vec{Mask: 0.6, Smallest: 16, Layers: 6, Beta: 2, Momentum: [2]float64{0.9998, 0.9998},
		Ramp: setting.Percent(100)}
}

// Validate implements methods.Method.
func (m *Data2Vec) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return cmp.Or(setting.Least("smallest", m.Smallest, 1), setting.Least("layers", m.Layers, 1),
		setting.Weight("beta", m.Beta), checkMomentum(m.Momentum))
}

func checkMomentum(m [2]float64) error {
	return cmp.Or(setting.Within("momentum", m[0], 0, 1), setting.Within("momentum", m[1], 0, 1))
}

// Build implements methods.Method. The features are the teacher's of the whole image.
func (m *Data2Vec) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	t := methods.Patches(s.Twin("teacher", s.Scheduled("teacher_momentum", ramp(m.Momentum, m.Ramp))), enc, b)
	hidden := methods.HiddenPatches(b, &masks.Block{Ratio: m.Mask, Smallest: m.Smallest, Aspect: 0.3}, e)
	n := e.Rows * e.Columns

	y := e.Encode(e.Hiding(x, hidden, methods.MaskToken(s, e.Dim)))
	told := layer.Dense(s.In("tell"), e.Dim, e.Dim)(e.Last(y, n))
	tokens := t.Embed(x)
	target := Averaged(lastLayers(s, t, tokens, m.Layers), 2, 2)
	features := t.Pool(t.Encode(tokens))
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "latent", Weight: 1,
			Value: latentLoss(told, target, hidden, m.Beta)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "target_spread", Value: losses.Spread(op.Mean(target, false, 1))}},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// ramp rises evenly over a span.
func ramp(m [2]float64, over setting.Length) graph.Schedule {
	return graph.LinearRamp(m[0], m[1], func(t graph.Time) int { return over.Steps(t.PerEpoch, t.Steps) })
}

// lastLayers are the patches [B,T,D] behind each of a teacher's last so many blocks, of embedded patches [B,T,D].
func lastLayers(s *graph.Scope, t *backbones.TokenEncoder, tokens *graph.Node, blocks int) []*graph.Node {
	layers := t.Layers(tokens)
	if blocks > len(layers) {
		op.Fail(s.Path(), "layers = %d of an encoder with %d blocks; want at most that", blocks, len(layers))
	}
	for i := range layers {
		layers[i] = t.Last(layers[i], t.Rows*t.Columns)
	}
	return layers[len(layers)-blocks:]
}

// Averaged is the mean of layers [B,T,D], each scaled to mean 0 and variance 1 along an axis, 1: the tokens, or 2: the
// channels; and so is the mean along another. An axis of 0 leaves them as they are. It has no gradient.
func Averaged(layers []*graph.Node, each, mean int) *graph.Node {
	var all []*graph.Node
	for _, l := range layers {
		l = op.StopGradient(l)
		if each > 0 {
			l = losses.Along(l, each, normEps)
		}
		all = append(all, l)
	}
	y := losses.Mean(all)
	if mean > 0 {
		y = losses.Along(y, mean, normEps)
	}
	return op.StopGradient(y)
}

// latentLoss is the mean over hidden patches [B,T] of the sum over channels of smooth L1 of told and target [B,T,D],
// over the root of D.
func latentLoss(told, target, hidden *graph.Node, beta float64) *graph.Node {
	each := op.SumAxes(losses.SmoothL1(told, target, beta), false, 2) // [B,T]
	return op.Scale(losses.MeanOver(each, hidden), 1/math.Sqrt(float64(op.ShapeOf(told)[2])))
}
