package correlation

import (
	"cmp"
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// BarlowTwins makes the cross-correlation matrix of two views' embeddings the identity.
//
//	C = z1' z2 / B of standardised columns,  loss = scale (sum_i (1-C_ii)^2 + lambda sum_{i != j} C_ij^2)
//
// Zbontar, Jing, Misra, LeCun, Deny, ICML 2021, arXiv:2103.03230, eq. 1 and 2. As in the authors' code columns are
// standardised by a batch norm without scale and shift, and each view is a batch of its own. The code leaves out the
// projector's last bias, which the standardisation takes away again. Of crops of several sizes the loss is the mean
// over the pairs of a large view and another.
type BarlowTwins struct {
	Projector   []int   `toml:"projector"`    // widths; the last is D
	OffDiagonal float64 `toml:"off_diagonal"` // lambda
	Scale       float64 `toml:"scale"`        // of the loss; 196/D keeps LARS at one rate for any width
	// rate of biases and of scales and shifts of norms, as a factor of the others'
	BiasRate float64 `toml:"bias_rate"`
}

// DefaultBarlowTwins has the paper's settings for ImageNet: rates of 0.2 and 0.0048.
func DefaultBarlowTwins() *BarlowTwins {
	return &BarlowTwins{Projector: []int{8192, 8192, 8192}, OffDiagonal: 0.0051, Scale: 0.024, BiasRate: 0.024}
}

// Validate implements methods.Method.
func (m *BarlowTwins) Validate() error {
	return errors.Join(setting.Weight("off_diagonal", m.OffDiagonal),
		cmp.Or(setting.Positive("scale", m.Scale), setting.Positive("bias_rate", m.BiasRate)),
		heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *BarlowTwins) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	o := methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, large),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
	if m.BiasRate != 1 {
		o.Tune = []methods.Tune{{Vectors: true, Rate: graph.Constantly(m.BiasRate)}}
	}
	return o
}

// Terms are those on the diagonal and beside it, for the embeddings of views [B,D], the large ones first.
func (m *BarlowTwins) Terms(z []*graph.Node, large int) []methods.Term {
	standard := each(losses.Standardise)
	n := float64(op.ShapeOf(z[0])[0])
	return []methods.Term{
		{Name: "invariance", Weight: m.Scale, Value: methods.OverPairs(z, large, func(a, b *graph.Node) *graph.Node {
			own := op.Scale(op.SumAxes(op.Mul(standard(a), standard(b)), false, 0), 1/n) // [D]
			return op.SumAll(op.Square(op.Affine(own, -1, 1)))
		})},
		{Name: "redundancy", Weight: m.Scale * m.OffDiagonal,
			Value: methods.OverPairs(z, large, func(a, b *graph.Node) *graph.Node {
				c := op.Scale(op.MatMul(standard(a), standard(b), true, false), 1/n) // [D,D]
				return op.SumAll(op.Square(op.OffDiagonal(c)))
			})},
	}
}
