package correlation

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VICRegExp is VICReg that pushes dimensions apart by a soft maximum of their covariances, as InfoNCE does samples.
//
//	c_exp(z) = 1/D sum_i log sum_{j != i} exp(C_ij / T)
//
// Garrido, Chen, Bardes, Najman, LeCun, ICLR 2023, arXiv:2206.02574, eq. 11 and 12: a step from VICReg towards SimCLR.
// The weights and the batch norms are VICReg's; the paper's appendix with its temperature was not at hand.
type VICRegExp struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Invariance  float64 `toml:"invariance"`  // weight of the mean squared distance
	Variance    float64 `toml:"variance"`    // weight of the spread hinge
	Covariance  float64 `toml:"covariance"`  // weight of the repulsion
	Temperature float64 `toml:"temperature"` // T
}

// DefaultVICRegExp has VICReg's weights and projector, and SimCLR's temperature.
func DefaultVICRegExp() *VICRegExp {
	return &VICRegExp{Projector: []int{8192, 8192, 8192}, Invariance: 25, Variance: 25, Covariance: 1, Temperature: 0.1}
}

// Validate implements methods.Method.
func (m *VICRegExp) Validate() error {
	return errors.Join(checkTriple(m.Invariance, m.Variance, m.Covariance),
		setting.Positive("temperature", m.Temperature), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *VICRegExp) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, large),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the three terms of the loss for the embeddings of views [B,D], the large ones first.
func (m *VICRegExp) Terms(z []*graph.Node, large int) []methods.Term {
	return threeTerms(z, large, [3]float64{m.Invariance, m.Variance, m.Covariance}, losses.SpreadHinge,
		func(z *graph.Node) *graph.Node { return losses.SoftRepulsion(losses.Covariance(z), m.Temperature) }, average)
}

// VICRegCtr is VICRegExp with rows and columns exchanged: samples are pushed apart, as in contrastive learning, and the
// hinge holds the length of embeddings.
//
//	v(z') = mean_i max(0, 1 - sqrt(|z_i|^2/(D-1) + 1e-4))
//	c_exp(z') = 1/B sum_i log sum_{j != i} exp(z_i z_j / ((D-1) T))
//
// Garrido, Chen, Bardes, Najman, LeCun, ICLR 2023, arXiv:2206.02574, eq. 13. By the paper's table 1 embeddings are
// centred over the batch, and not over their dimensions.
type VICRegCtr struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Invariance  float64 `toml:"invariance"`  // weight of the mean squared distance
	Variance    float64 `toml:"variance"`    // weight of the hinge of lengths
	Covariance  float64 `toml:"covariance"`  // weight of the repulsion
	Temperature float64 `toml:"temperature"` // T
}

// DefaultVICRegCtr has VICReg's weights and projector, and SimCLR's temperature.
func DefaultVICRegCtr() *VICRegCtr {
	return (*VICRegCtr)(DefaultVICRegExp())
}

// Validate implements methods.Method.
func (m *VICRegCtr) Validate() error { return (*VICRegExp)(m).Validate() }

// Build implements methods.Method.
func (m *VICRegCtr) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, large),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the three terms of the loss for the embeddings of views [B,D], the large ones first.
func (m *VICRegCtr) Terms(z []*graph.Node, large int) []methods.Term {
	gram := each(func(z *graph.Node) *graph.Node { // [B,B]
		return op.Scale(op.Gram(losses.Centred(z)), 1/float64(op.ShapeOf(z)[1]-1))
	})
	return threeTerms(z, large, [3]float64{m.Invariance, m.Variance, m.Covariance},
		func(z *graph.Node) *graph.Node {
			squares := op.SumAxes(op.Square(losses.Centred(z)), false, 1) // [B]
			return losses.SpreadHingeOf(op.Scale(squares, 1/float64(op.ShapeOf(z)[1]-1)))
		},
		func(z *graph.Node) *graph.Node { return losses.SoftRepulsion(gram(z), m.Temperature) }, average)
}
