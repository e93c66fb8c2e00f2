package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// SpreadHinge is the mean over dimensions of max(0, 1 - sqrt(Var(z)+1e-4)), z [B,D], the variance unbiased.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 1 and 2.
func SpreadHinge(z *graph.Node) *graph.Node {
	return op.MeanAll(op.Relu(op.Affine(op.Sqrt(op.Shift(variances(z), 1e-4)), -1, 1)))
}

// Decorrelation is the sum of squared off-diagonal entries of the covariance C of z [B,D], over D.
//
// Bardes et al. 2022, arXiv:2105.04906, eq. 3 and 4. Where B < D the sum of all squares comes from the products of
// rows, [B,B], instead of columns, [D,D]: the trace of (z'z)(z'z) is that of (zz')(zz'). The diagonal, subtracted, is
// then less than the whole: C has no more than B-1 directions for D variances.
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

// Spread is the mean over dimensions of the standard deviation of unit rows z/|z| [B,D] over the batch, times sqrt(D):
// 1 for evenly spread embeddings, 0 for collapsed ones (Chen and He 2021, arXiv:2011.10566, section 4.1). It has no
// gradient.
func Spread(z *graph.Node) *graph.Node {
	u := op.StopGradient(op.Normalize(z, Eps))
	d := op.ShapeOf(u).Last()
	return op.MeanAll(op.Sqrt(op.Scale(op.Row(op.BatchStats(u), 1), float64(d))))
}
