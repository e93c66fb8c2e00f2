package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// ATC, augmented temporal contrast, tells what is observed a few steps later from what is observed in other episodes.
//
//	loss = -log softmax( (c + f(c)) W k' ) at the own key,  c of now, k of n steps later
//
// Stooke et al., ICML 2021, arXiv:2009.08319, section 3. c are codes, a linear layer on the features; f has a hidden
// layer; the keys are codes of a slowly following encoder. The action does not matter to it.
type ATC struct {
	Later    int     `toml:"later"`    // steps between an observation and its key
	Code     int     `toml:"code"`     // numbers of a code
	Hidden   int     `toml:"hidden"`   // width of f
	Momentum float64 `toml:"momentum"` // of the encoder of keys
}

// DefaultATC has the authors' settings for Atari games.
func DefaultATC() *ATC { return &ATC{Later: 3, Code: 256, Hidden: 512, Momentum: 0.99} }

// Validate implements methods.Method.
func (m *ATC) Validate() error {
	return errors.Join(setting.Least("later", m.Later, 1), setting.Least("code", m.Code, 1),
		setting.Least("hidden", m.Hidden, 1), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *ATC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	keys := s.Twin("key", s.Constant(m.Momentum))
	code := func(s *graph.Scope, h *graph.Node) *graph.Node {
		return layer.Linear(s.In("code"), enc.Dim, m.Code, true)(h)
	}
	h := enc.New(s)(b.View(0))
	c := code(s, h)                                                                // [B,code]
	k := op.StopGradient(code(keys, enc.New(keys)(b.Field(steps.After(m.Later))))) // [B,code]
	ahead := heads.Plain(s.In("ahead"), m.Code, m.Hidden, m.Code)
	w := s.In("score").Param("weight", graph.LinearUniform(m.Code), m.Code, m.Code)
	loss, right := diagonal(s, bilinear(s, op.Add(c, ahead(c)), w, k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "recognised", Value: right}, spread(h)},
	}
}
