package audio

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// COLA finds another part of the same recording among those of a batch, by a bilinear form.
//
//	loss = mean over samples of -log( e^(g(x) W g(x')) / sum over the batch of e^(g(x) W g(x'')) )
//
// Saeed, Grangier and Zeghidour, ICASSP 2021, arXiv:2010.10915, eq. 1 and 2: g is the encoder, a linear layer, layer
// norm and tanh. Parts are windows of a recording at random places, seen as log-mels.
type COLA struct {
	Dim int `toml:"dim"` // D of g
}

// DefaultCOLA has the paper's settings.
func DefaultCOLA() *COLA { return &COLA{Dim: 512} }

// Validate implements methods.Method.
func (m *COLA) Validate() error { return setting.Least("dim", m.Dim, 1) }

// Build implements methods.Method.
func (m *COLA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	needSpectrograms(b)
	x, encode := b.Views(2), enc.New(s)
	at := s.In("projector")
	project := layer.Chain(layer.Dense(at.In("linear"), enc.Dim, m.Dim), layer.LayerNorm(at.In("norm"), m.Dim), op.Tanh)
	h := encode(x[0])                                                                // [B,F]
	a, c := project(h), project(encode(x[1]))                                        // [B,D]
	form := s.Param("form/weight", layer.XavierUniform(m.Dim, m.Dim), m.Dim, m.Dim)  // W
	scores := op.MatMul(op.MatMul(a, form, false, false), s.AllRows(c), false, true) // [B,B]
	own := losses.Own(s, scores)
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "contrast", Weight: 1, Value: op.MeanAll(op.CrossEntropy(scores, own, 0))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(scores, own)},
			{Name: "spread", Value: losses.Spread(h)}},
	}
}
