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

// DCL is SimCLR without the positive in the denominator, so that small batches learn as well as large ones.
//
// Yeh et al., ECCV 2022, arXiv:2110.06848, the loss L_DC: the mean over the 2B views of
//
//	-cos(z_i,z_i')/T + log sum_k exp(cos(z_i,z_k)/T),
//
// k over both views of the other images. The paper adds up the two views of an image, where this is their mean. Crops
// of several sizes are compared by pairs of a large view and another.
type DCL struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultDCL has the paper's settings for ImageNet.
func DefaultDCL() *DCL { return &DCL{Projector: []int{2048, 128}, Temperature: 0.1} }

// Validate implements methods.Method.
func (m *DCL) Validate() error {
	return cmp.Or(setting.Positive("temperature", m.Temperature), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *DCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node {
		return op.MeanAll(decoupled(losses.Compare(s, x, y), m.Temperature, nil))
	})
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "dcl", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// decoupled is the loss of every row of a comparison, [N,1]: L_DC of arXiv:2110.06848, or with weights [N,1] of the
// positives L_DCW.
func decoupled(c losses.Comparisons, tau float64, weight *graph.Node) *graph.Node {
	positive := op.Scale(c.Positive, 1/tau)
	if weight != nil {
		positive = op.Mul(positive, weight)
	}
	others := c.LogSum(op.Scale(c.Cosines, 1/tau)) // [N]
	return op.Sub(op.Reshape(others, op.ShapeOf(positive)...), positive)
}
