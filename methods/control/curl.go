package control

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// CURL tells the two views of an observation from those of others, by a bilinear score and keys of a slowly following
// encoder.
//
//	loss = -log softmax( q W k' ) at the own key
//
// Laskin, Srinivas and Abbeel, ICML 2020, arXiv:2004.04136, section 4. Queries and keys are the features as they are,
// neither normalised nor divided by a temperature. W begins uniform in [0,1), as in the authors' code. The paper's
// views are random crops: [views] pad shifts likewise.
type CURL struct {
	Momentum float64 `toml:"momentum"` // of the encoder of keys
}

// DefaultCURL has the authors' momentum for Atari games.
func DefaultCURL() *CURL { return &CURL{Momentum: 0.999} }

// Validate implements methods.Method.
func (m *CURL) Validate() error { return errors.Join(setting.Within("momentum", m.Momentum, 0, 1)) }

// Build implements methods.Method.
func (m *CURL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.Views(2)
	keys := s.Twin("key", s.Constant(m.Momentum))
	h, k := enc.New(s)(x[0]), op.StopGradient(enc.New(keys)(x[1])) // [B,F]
	w := s.In("score").Param("weight", unit, enc.Dim, enc.Dim)
	loss, right := diagonal(s, bilinear(s, h, w, k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "recognised", Value: right}, spread(h)},
	}
}
