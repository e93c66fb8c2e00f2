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

// DCLW is DCL with positive pairs that count the more the less alike they are.
//
// Yeh et al., ECCV 2022, arXiv:2110.06848, the loss L_DCW: the positive of image i in DCL's loss is multiplied by
//
//	w_i = 2 - exp(cos(z_i,z_i')/sigma) / mean_j exp(cos(z_j,z_j')/sigma),
//
// the mean over the batch. No gradient reaches the weight here; in the authors' later code one does.
type DCLW struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Sigma       float64 `toml:"sigma"`       // temperature of the weights: the larger, the more even
}

// DefaultDCLW has the paper's settings for ImageNet.
func DefaultDCLW() *DCLW { return &DCLW{Projector: []int{2048, 128}, Temperature: 0.1, Sigma: 0.5} }

// Validate implements methods.Method.
func (m *DCLW) Validate() error {
	return cmp.Or(setting.Positive("temperature", m.Temperature), setting.Positive("sigma", m.Sigma),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *DCLW) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node {
		c := losses.Compare(s, x, y)
		return op.MeanAll(decoupled(c, m.Temperature, op.StopGradient(unlikeness(c.Positive, m.Sigma))))
	})
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "dclw", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// unlikeness is w of the cosines of positive pairs [N,1]: the negative von Mises-Fisher weight. Its mean is 1.
func unlikeness(positive *graph.Node, sigma float64) *graph.Node {
	e := op.Exp(op.Scale(positive, 1/sigma))
	return op.Affine(op.Div(e, op.MeanAll(e)), -1, 2)
}
