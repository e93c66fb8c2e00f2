package methods

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

// VICReg keeps two views of an image close while each embedding dimension keeps unit spread and stays uncorrelated with the others.
//
// Bardes, Ponce, LeCun, ICLR 2022, arXiv:2105.04906, Alg. 1. As in the authors' code the variance hinge is the mean of the two
// views' (the paper writes their sum), and each view is a batch of its own for batch norm.
type VICReg struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Invariance float64 `toml:"invariance"` // weight of the mean squared distance
	Variance   float64 `toml:"variance"`   // weight of the spread hinge
	Covariance float64 `toml:"covariance"` // weight of the off-diagonal covariance
}

// DefaultVICReg has the paper's settings for ImageNet.
func DefaultVICReg() *VICReg {
	return &VICReg{Projector: []int{8192, 8192, 8192}, Invariance: 25, Variance: 25, Covariance: 1}
}

// Validate implements Method.
func (m *VICReg) Validate() error {
	for _, w := range []struct {
		key string
		v   float64
	}{{"invariance", m.Invariance}, {"variance", m.Variance}, {"covariance", m.Covariance}} {
		if w.v < 0 {
			return overlay.Bad(w.key, "%v: want a weight of 0 or more", w.v)
		}
	}
	if m.Invariance+m.Variance+m.Covariance == 0 {
		return fmt.Errorf("invariance, variance and covariance are all 0: nothing would be trained")
	}
	return heads.CheckWidths("projector", m.Projector)
}

// Views implements Method.
func (m *VICReg) Views() int { return 2 }

// Build implements Method.
func (m *VICReg) Build(s *graph.Scope, enc Encoder, x []*graph.Node) Objective {
	encode := enc.New(s.In("backbone"))
	project := heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	ha, hb := encode(x[0]), encode(x[1]) // [B,F]
	za, zb := project(ha), project(hb)   // [B,D]
	return Objective{
		Features: ha,
		Terms:    m.Terms(za, zb),
		Metrics:  []Metric{spread(za)},
	}
}

// Terms are the three terms of the loss for the embeddings of two views [B,D], arXiv:2105.04906, eq. 6.
func (m *VICReg) Terms(za, zb *graph.Node) []Term {
	return []Term{
		{"invariance", m.Invariance, MSE(za, zb)},
		{"variance", m.Variance, op.Scale(op.Add(SpreadHinge(za), SpreadHinge(zb)), 0.5)},
		{"covariance", m.Covariance, op.Add(Decorrelation(za), Decorrelation(zb))},
	}
}

// MSE is the mean squared difference of a and b, over all elements.
func MSE(a, b *graph.Node) *graph.Node { return op.MeanAll(op.Square(op.Sub(a, b))) }

// SpreadHinge is the mean over dimensions of max(0, 1 - sqrt(Var(z)+1e-4)), z [B,D], the variance unbiased.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 1 and 2.
func SpreadHinge(z *graph.Node) *graph.Node {
	return op.MeanAll(op.Relu(op.Affine(op.Sqrt(op.Shift(variances(z), 1e-4)), -1, 1)))
}

// Decorrelation is the sum of squared off-diagonal entries of the covariance C of z [B,D], over D.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 3 and 4. Where B < D the sum of all squares comes from the products of rows, [B,B], instead of columns,
// [D,D]: the trace of (z'z)(z'z) is that of (zz')(zz'). The diagonal, subtracted, is then less than the whole: C has no more than B-1
// directions for D variances.
func Decorrelation(z *graph.Node) *graph.Node {
	zc, n, d := centred(z), op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	if n < d {
		products := op.Scale(op.Gram(zc), 1/float64(n-1)) // [B,B]
		return op.Scale(op.Sub(op.SumAll(op.Square(products)), op.SumAll(op.Square(variances(z)))), 1/float64(d))
	}
	cov := op.Scale(op.ColumnGram(zc), 1/float64(n-1)) // [D,D]
	return op.Scale(op.SumAll(op.Square(op.OffDiagonal(cov))), 1/float64(d))
}

// variances are those of the dimensions of z [B,D], unbiased: [D].
func variances(z *graph.Node) *graph.Node {
	return op.Scale(op.SumAxes(op.Square(centred(z)), false, 0), 1/float64(op.ShapeOf(z)[0]-1))
}

// centred is z [B,D] without its mean over the batch.
func centred(z *graph.Node) *graph.Node { return op.Sub(z, op.Mean(z, true, 0)) }
