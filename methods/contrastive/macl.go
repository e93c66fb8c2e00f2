package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MACL is SimCLR with a temperature that follows how well the views agree, and with gradients that stay as large.
//
// Huang et al., ICML 2023, arXiv:2207.07874, section 4: with A the mean cosine of positive pairs and P_i the
// probability that view i gives its partner among the other 2B-1,
//
//	T = T_0 (1 + scaling (A - alignment)),   the mean over views of -log(P_i) / (1 - P_i),
//
// where no gradient reaches T and the divisor. The divisor adds 1e-8 here, as in lightly's code.
type MACL struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // T_0, of the cosine similarities
	Scaling     float64 `toml:"scaling"`     // alpha: how much the temperature follows, 0 to 1
	Alignment   float64 `toml:"alignment"`   // A_0: the mean cosine of positive pairs at which T is T_0, 0 to 1
}

// DefaultMACL has the paper's settings with SimCLR for ImageNet-100.
func DefaultMACL() *MACL { return &MACL{Projector: []int{2048, 128}, Temperature: 0.1, Scaling: 0.5} }

// Validate implements methods.Method.
func (m *MACL) Validate() error {
	return cmp.Or(setting.Positive("temperature", m.Temperature), setting.Within("scaling", m.Scaling, 0, 1),
		setting.Within("alignment", m.Alignment, 0, 1), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *MACL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node { return m.loss(losses.Compare(s, x, y)) })
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "macl", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is the mean over the rows of a comparison.
func (m *MACL) loss(c losses.Comparisons) *graph.Node {
	t := op.Affine(op.StopGradient(op.MeanAll(c.Positive)), m.Temperature*m.Scaling,
		m.Temperature*(1-m.Scaling*m.Alignment))
	all := op.LogSumExp(op.MaskDiagonal(op.Div(c.Cosines, t), -1e9)) // [N]
	log := op.Sub(op.Reshape(op.Div(c.Positive, t), op.ShapeOf(all)...), all)
	weight := op.Reciprocal(op.Affine(op.Exp(log), -1, 1+1e-8))
	return op.Neg(op.MeanAll(op.Mul(op.StopGradient(weight), log)))
}
