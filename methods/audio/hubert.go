package audio

import (
	"context"
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// HuBERT hides runs of an utterance's steps and tells of which cluster the sound there is, where clusters are found
// before the training: of cepstral coefficients in the first round, and of what the encoder of the round before makes
// of steps in the next.
//
//	loss = mean over hidden steps of CE(cos(W c, e_k)/t) + seen * the same over the others
//
// Hsu et al. 2021, arXiv:2106.07447, section 3, as in the authors' code. A round is a run: teacher names that of the
// round before. A step's cluster is found in the training step, of the window that is seen. Coefficients and teacher's
// numbers are divided by their deviations before they are clustered, where the code takes them as they are.
type HuBERT struct {
	Spans
	Teacher    string  `toml:"teacher"`    // folder of the run of the round before; empty: cepstral coefficients
	Layer      int     `toml:"layer"`      // block of the teacher whose tokens are clustered, from 1 on
	Clusters   int     `toml:"clusters"`   // K
	Iterations int     `toml:"iterations"` // of k-means
	Recordings int     `toml:"recordings"` // of the training set that are clustered, at most
	Dim        int     `toml:"dim"`        // of what is compared
	Softness   float64 `toml:"softness"`   // t, a temperature of cosines
	Seen       float64 `toml:"seen"`       // weight of the steps that are not hidden

	lent methods.Lent
}

// DefaultHuBERT has the settings of the paper's BASE, first round.
func DefaultHuBERT() *HuBERT {
	return &HuBERT{Spans: Spans{Mask: 0.8, Length: 10}, Layer: 6, Clusters: 100, Iterations: 20, Recordings: 1000,
		Dim: 256, Softness: 0.1}
}

// Validate implements methods.Method.
func (m *HuBERT) Validate() error {
	return errors.Join(m.Spans.check(), setting.Least("layer", m.Layer, 1), setting.Least("clusters", m.Clusters, 2),
		setting.Least("iterations", m.Iterations, 1), setting.Least("recordings", m.Recordings, 1),
		setting.Least("dim", m.Dim, 1), setting.Positive("softness", m.Softness), setting.Weight("seen", m.Seen))
}

// roundScope is where the encoder of the round before is.
const roundScope = "before"

// Loans implements methods.Borrower.
func (m *HuBERT) Loans() []methods.Loan {
	if m.Teacher == "" {
		return nil
	}
	return []methods.Loan{{Key: "teacher", From: m.Teacher, Scope: roundScope}}
}

// Lend implements methods.Borrower.
func (m *HuBERT) Lend(_ string, l methods.Lent) error {
	m.lent = l
	return nil
}

// Entries of the Store with the clusters: their centres [K,E], and the factors [E] of what they are the centres of.
const (
	centresEntry = "clusters/centres"
	factorsEntry = "clusters/factors"
)

// Build implements methods.Method. The features are the mean contexts of the utterance with its holes.
func (m *HuBERT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	u := m.listen(s, enc, b)
	sounds := m.sounds(s, b, &u) // [B,S,E]
	width := op.ShapeOf(sounds)[2]
	rows := b.Size() * u.Rows
	at := s.In("clusters")
	centres := at.State("centres", graph.Normal(1), m.Clusters, width)
	factors := at.State("factors", graph.Fill(1), width)
	of := nearest(op.Reshape(op.Mul(sounds, factors), rows, width), centres) // [N]

	c := u.hide(u.Enter(u.Level(u.Steps(u.x))), holeToken(s, u.Dim))
	logits := Clustered(layer.Dense(s.In("guess"), u.Dim, m.Dim)(op.Reshape(c, rows, u.Dim)),
		s.Param("codes", uniform, m.Clusters, m.Dim), m.Softness)
	each := op.CrossEntropy(logits, of, 0)
	hidden := op.Reshape(u.hidden, rows)
	seen := op.Sub(op.Reshape(u.there, rows), hidden)
	features := u.Pool(c)
	right := op.EqualInts(op.Argmax(logits), of, op.TypeOf(logits).DType)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "hidden", Weight: 1, Value: losses.MeanOver(each, s.AllRows(hidden))},
			{Name: "seen", Weight: m.Seen, Value: losses.MeanOver(each, s.AllRows(seen))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: losses.MeanOver(right, hidden)},
			{Name: "spread", Value: losses.Spread(features)}},
		Jobs: []methods.Job{{Name: "clusters", Run: func(ctx context.Context, h methods.Host) error {
			return m.cluster(ctx, h, enc, width)
		}}},
	}
}

// Clustered is the scores [N,K] of clusters, whose codes are [K,D], for guesses [N,D]: cosines over a temperature.
func Clustered(guesses, codes *graph.Node, softness float64) *graph.Node {
	return op.Scale(op.MatMul(op.Normalize(guesses, 1e-8), op.Normalize(codes, 1e-8), false, true), 1/softness)
}

// nearest is the number of the nearest of centres [K,E] for each of rows [N,E], int32 [N].
func nearest(rows, centres *graph.Node) *graph.Node {
	lengths := op.Reshape(op.SumAxes(op.Square(centres), false, 1), 1, -1)
	return op.Argmax(op.Sub(op.Scale(op.MatMul(op.StopGradient(rows), centres, false, true), 2), lengths))
}

// sounds is what the steps of view 0 are clustered by, [B,S,E], without gradient.
func (m *HuBERT) sounds(s *graph.Scope, b *methods.Batch, u *utterance) *graph.Node {
	if m.lent.Backbone == nil {
		return op.Slice(b.Field(fmt.Sprintf("mfcc%d", u.Hop)), 1, 0, u.Rows)
	}
	f := b.Of("view0")
	before := methods.EncoderOf(m.lent.Backbone, f)
	if before.Speech == nil {
		op.Fail("", "teacher: its backbone has no tokens of steps; want a run with [backbone.wav2vec2]")
	}
	t := before.Speech(s.In(roundScope).Locked())
	if t.Rows != u.Rows {
		op.Fail("", "teacher: it makes %d steps of a window, the encoder %d; want as many", t.Rows, u.Rows)
	}
	layers := t.Layers(t.Embed(op.StopGradient(u.x)))
	if m.Layer > len(layers) {
		op.Fail("", "layer = %d of a teacher with %d blocks; want at most that", m.Layer, len(layers))
	}
	return op.StopGradient(layers[m.Layer-1])
}
