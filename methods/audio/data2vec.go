package audio

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/setting"
)

// Data2Vec hides runs of an utterance's steps, and has the encoder tell what a slowly following teacher, which hears
// the whole utterance, says there: the mean of its last layers. The teacher is evaluated.
//
//	loss = mean over hidden steps of sum over channels of smooth L1(told, target) / sqrt(D)
//
// Baevski et al., ICML 2022, arXiv:2202.03555, sections 3.2 to 3.4, for speech: each layer is scaled to mean 0 and
// variance 1 over the steps of an utterance, by channel (instance norm). Layers are the tokens after a block; the
// authors' code for speech takes what a block's MLP adds. The teacher has convolutions of its own that follow, where
// the code shares the student's.
type Data2Vec struct {
	Spans
	Layers int     `toml:"layers"` // last ones of the teacher that are averaged
	Beta   float64 `toml:"beta"`   // where the loss turns from squares to distances; 0: squares
	// of the teacher at the first step and from the end of its ramp on, between which it rises evenly
	Momentum [2]float64     `toml:"momentum"`
	Ramp     setting.Length `toml:"ramp"` // from one to the other
}

// DefaultData2Vec has the paper's settings for speech, BASE.
func DefaultData2Vec() *Data2Vec {
	return &Data2Vec{Spans: Spans{Mask: 0.65, Length: 10}, Layers: 8, Momentum: [2]float64{0.999, 0.9999},
		Ramp: setting.Percent(7.5)} // 30,000 of 400,000 steps
}

// Validate implements methods.Method.
func (m *Data2Vec) Validate() error {
	return errors.Join(m.Spans.check(), setting.Least("layers", m.Layers, 1), setting.Weight("beta", m.Beta),
		setting.Within("momentum", m.Momentum[0], 0, 1), setting.Within("momentum", m.Momentum[1], 0, 1))
}

// Build implements methods.Method. The features are the teacher's of the whole utterance.
func (m *Data2Vec) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	u := m.listen(s, enc, b)
	tau := s.Scheduled("teacher_momentum", graph.LinearRamp(m.Momentum[0], m.Momentum[1], func(t graph.Time) int {
		return m.Ramp.Steps(t.PerEpoch, t.Steps)
	}))
	teacher := enc.Speech(s.Twin("teacher", tau))
	c := u.hide(u.Enter(u.Level(u.Steps(u.x))), holeToken(s, u.Dim))
	told := layer.Dense(s.In("tell"), u.Dim, u.Dim)(c)

	layers := teacher.Layers(teacher.Embed(u.x))
	if m.Layers > len(layers) {
		op.Fail(s.Path(), "layers = %d of an encoder with %d blocks; want at most that", m.Layers, len(layers))
	}
	target := SpeechTarget(layers[len(layers)-m.Layers:])
	features := teacher.Pool(teacher.Norm(layers[len(layers)-1]))
	rows, hidden := b.Size()*u.Rows, op.Reshape(u.hidden, -1)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "latent", Weight: 1, Value: losses.MeanOver(Told(told, target, m.Beta),
			s.AllRows(u.hidden))}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "target_deviation", Value: deviation(op.Reshape(target, rows, u.Dim), hidden)},
			{Name: "told_deviation", Value: deviation(op.Reshape(told, rows, u.Dim), hidden)}},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// SpeechTarget is the mean of layers [B,S,D], each with mean 0 and variance 1 over the steps. It has no gradient.
func SpeechTarget(layers []*graph.Node) *graph.Node { return masked.Averaged(layers, 1, 0) }

// Told is the sum over channels of smooth L1 of what is told and a target [B,S,D], over the root of D: [B,S].
func Told(told, target *graph.Node, beta float64) *graph.Node {
	return op.Scale(op.SumAxes(losses.SmoothL1(told, target, beta), false, 2),
		1/math.Sqrt(float64(op.ShapeOf(told)[2])))
}
