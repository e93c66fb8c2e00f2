package crossmodal

import (
	"errors"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ALIGN makes an image and its caption recognise each other among all others of the batch, and does not insist: its
// targets are smoothed, since many of its captions, as the web has them, do not belong to their image.
//
// Jia et al. 2021, arXiv:2102.05918, section 4.1 (eq. 1 and 2) and 5.1. The image tower has no head, and a linear layer
// takes texts to its width (dim = 0). The paper learns the temperature from 1; here its inverse's logarithm is learned
// from 0, within the bounds of CLIP's. [captions] wrong makes captions as noisy as is wanted.
type ALIGN struct {
	Pairing
	Smoothing float64 `toml:"smoothing"` // share of a target that is spread over all of the batch
}

// DefaultALIGN has the paper's settings.
func DefaultALIGN() *ALIGN { return &ALIGN{Smoothing: 0.1} }

// Validate implements methods.Method.
func (m *ALIGN) Validate() error {
	var err error
	if !(m.Smoothing >= 0 && m.Smoothing < 1) {
		err = setting.Bad("smoothing", "%v: want a share from 0 to below 1", m.Smoothing)
	}
	return errors.Join(m.check(), err)
}

// Build implements methods.Method.
func (m *ALIGN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.Towers(s, enc, b.Of("caption"))
	h := t.Encode(b.View(0)) // [B,F]
	scale := s.Param("log_scale", graph.Fill(0))
	logits := Logits(s, t.Image(h), t.Text(b.Field("caption")), scale) // [N,N], N over all ranks
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "align", Weight: 1, Value: losses.Matching(s, logits, m.Smoothing)}},
		Metrics: []methods.Metric{
			{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "scale", Value: op.Exp(scale)},
		},
		Tune: bounded(),
	}
}

// Towers implements methods.Towers.
func (m *ALIGN) Towers(s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	return m.towers("align", s, enc, caption)
}
