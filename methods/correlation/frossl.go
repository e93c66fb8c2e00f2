package correlation

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// FroSSL spreads the eigenvalues of each view's covariance by its Frobenius norm, and pulls views to their mean.
//
//	loss = sum_v log |C_v/tr C_v|_F^2 + gamma V sum_v |z_v - mean_u z_u|^2 / B,  C_v = z_v'z_v, columns of unit length
//
// Skean, Dhakal, Jacobs, Giraldo, ECCV 2024, arXiv:2310.02903, eq. 8. The logarithm is minus Renyi's entropy of order 2
// of the eigenvalues. Columns are not centred, and no gradient goes through the trace, which is D, as in the code.
// Every crop is a view, whatever its size.
type FroSSL struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Invariance float64 `toml:"invariance"` // gamma
}

// DefaultFroSSL has the paper's settings for ImageNet.
func DefaultFroSSL() *FroSSL { return &FroSSL{Projector: []int{2048, 2048, 1024}, Invariance: 1.4} }

// Validate implements methods.Method.
func (m *FroSSL) Validate() error {
	return errors.Join(setting.Weight("invariance", m.Invariance), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *FroSSL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the two terms of the loss for the embeddings of views [B,D].
func (m *FroSSL) Terms(z []*graph.Node) []methods.Term {
	n, d := op.ShapeOf(z[0])[0], op.ShapeOf(z[0])[1]
	var unit, norms, distances []*graph.Node
	for _, x := range z {
		unit = append(unit, transposed(op.Normalize(transposed(x), losses.Eps))) // columns of unit length
	}
	centre := losses.Mean(unit)
	for _, u := range unit {
		c := op.Gram // the smaller product: both have the same norm
		if n > d {
			c = op.ColumnGram
		}
		norms = append(norms, op.Shift(op.Log(op.SumAll(op.Square(c(u)))), -2*math.Log(float64(d))))
		distances = append(distances, op.Scale(losses.MSE(u, centre), float64(d*len(z))))
	}
	return []methods.Term{{Name: "entropy", Weight: 1, Value: op.Sum(norms...)},
		{Name: "invariance", Weight: m.Invariance, Value: op.Sum(distances...)}}
}
