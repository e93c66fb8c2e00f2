package crossmodal

import (
	"errors"
	"math"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SigLIP decides of every image and every caption of the batch by itself whether they belong together.
//
// Zhai, Mustafa, Kolesnikov, Beyer, ICCV 2023, arXiv:2303.15343, section 3.2 and algorithm 1: the scale, as its
// logarithm, and the bias of the logits are learned. The sum over all pairs is divided by the number of images.
type SigLIP struct {
	Pairing
	Scale float64 `toml:"scale"` // of the similarities, at first
	Bias  float64 `toml:"bias"`  // of the logits, at first: most pairs do not belong together
}

// DefaultSigLIP has the paper's settings.
func DefaultSigLIP() *SigLIP { return &SigLIP{Pairing: Pairing{Dim: 768}, Scale: 10, Bias: -10} }

// Validate implements methods.Method.
func (m *SigLIP) Validate() error {
	var err error
	if math.IsNaN(m.Bias) || math.IsInf(m.Bias, 0) {
		err = setting.Bad("bias", "%v: want a number", m.Bias)
	}
	return errors.Join(m.check(), setting.Positive("scale", m.Scale), err)
}

// Build implements methods.Method.
func (m *SigLIP) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.Towers(s, enc, b.Of("caption"))
	h := t.Encode(b.View(0)) // [B,F]
	scale := s.Param("log_scale", graph.Fill(math.Log(m.Scale)))
	bias := s.Param("bias", graph.Fill(m.Bias))
	logits := op.Add(Logits(s, t.Image(h), t.Text(b.Field("caption")), scale), bias) // [N,N], N over all ranks
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "siglip", Weight: 1, Value: Pairs(s, logits)}},
		Metrics: []methods.Metric{
			{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "scale", Value: op.Exp(scale)},
			{Name: "bias", Value: bias},
		},
	}
}

// Towers implements methods.Towers.
func (m *SigLIP) Towers(s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	return m.towers("siglip", s, enc, caption)
}

// Pairs is -sum(log sigmoid(z * logits)) / N with z = 1 on the diagonal of the logits [N,N] and -1 elsewhere, in nats:
// -log sigmoid(zx) is softplus(x) - x where z = 1, and softplus(x) elsewhere.
func Pairs(s *graph.Scope, logits *graph.Node) *graph.Node {
	n := op.ShapeOf(logits)[0]
	own := op.Mul(logits, s.Identity(n))
	return op.Scale(op.MeanAll(op.Sub(op.Softplus(logits), own)), float64(n))
}
