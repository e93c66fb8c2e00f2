package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// SpreadHinge is the mean over dimensions of max(0, 1 - sqrt(Var(z)+1e-4)), z [B,D], the variance unbiased.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 1 and 2.
func SpreadHinge(z *graph.Node) *graph.Node { return SpreadHingeOf(variances(z)) }

// SpreadHingeOf is the mean of max(0, 1 - sqrt(v+1e-4)) over variances v [D].
func SpreadHingeOf(v *graph.Node) *graph.Node {
	return op.MeanAll(op.Relu(op.Affine(op.Sqrt(op.Shift(v, 1e-4)), -1, 1)))
}

// Covariance is the covariance matrix [D,D] of z [B,D], unbiased.
func Covariance(z *graph.Node) *graph.Node {
	return op.Scale(op.ColumnGram(Centred(z)), 1/float64(op.ShapeOf(z)[0]-1))
}

// SoftRepulsion is the mean over the rows of similarities [N,N] of log sum exp(s_ij / tau) over j != i.
//
// Garrido et al. 2023, arXiv:2206.02574, eq. 11.
func SoftRepulsion(s *graph.Node, tau float64) *graph.Node {
	return op.MeanAll(op.LogSumExp(op.MaskDiagonal(op.Scale(s, 1/tau), -1e9)))
}

// Decorrelation is the sum of squared off-diagonal entries of the covariance C of z [B,D], over D.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 3 and 4. Where B < D the sum of all squares comes from the products of
// rows, [B,B], instead of columns, [D,D]: the trace of (z'z)(z'z) is that of (zz')(zz'). The diagonal, subtracted, is
// then less than the whole: C has no more than B-1 directions for D variances.
func Decorrelation(z *graph.Node) *graph.Node {
	zc, n, d := Centred(z), op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	if n < d {
		products := op.Scale(op.Gram(zc), 1/float64(n-1)) // [B,B]
		return op.Scale(op.Sub(op.SumAll(op.Square(products)), op.SumAll(op.Square(variances(z)))), 1/float64(d))
	}
	return op.Scale(op.SumAll(op.Square(op.OffDiagonal(Covariance(z)))), 1/float64(d))
}

// Decorrelated is the sum of squared off-diagonal entries of the correlation matrix of z [B,D], over D^2.
//
// Lee and Aune 2021, arXiv:2109.00783, eq. 3 and 4.
func Decorrelated(z *graph.Node) *graph.Node {
	u := op.Normalize(op.Transpose(Centred(z), 1, 0), Eps) // [D,B], unit rows
	d := op.ShapeOf(u)[0]
	return op.Scale(op.SumAll(op.Square(op.OffDiagonal(op.Gram(u)))), 1/float64(d*d))
}

// variances are those of the dimensions of z [B,D], unbiased: [D].
func variances(z *graph.Node) *graph.Node {
	return op.Scale(op.SumAxes(op.Square(Centred(z)), false, 0), 1/float64(op.ShapeOf(z)[0]-1))
}

// Centred is z [B,D] without its mean over the batch.
func Centred(z *graph.Node) *graph.Node { return op.Sub(z, op.Mean(z, true, 0)) }

// Spread is the mean over dimensions of the standard deviation of unit rows z/|z| [B,D] over the batch, times sqrt(D):
// 1 for evenly spread embeddings, 0 for collapsed ones (Chen and He 2021, arXiv:2011.10566, section 4.1). It has no
// gradient.
func Spread(z *graph.Node) *graph.Node {
	u := op.StopGradient(op.Normalize(z, Eps))
	d := op.ShapeOf(u).Last()
	return op.MeanAll(op.Sqrt(op.Scale(op.Row(op.BatchStats(u), 1), float64(d))))
}

// Standardise is z [B,D] with every dimension at mean 0 and biased variance 1 over the batch: batch norm without scale
// and shift, whose epsilon of 1e-5 is added to the variance.
func Standardise(z *graph.Node) *graph.Node {
	return op.BatchNorm(z, op.BatchStats(z), op.BN{Eps: 1e-5})
}
