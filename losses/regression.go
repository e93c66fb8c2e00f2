package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// MSE is the mean squared difference of a and b, over all elements.
func MSE(a, b *graph.Node) *graph.Node { return op.MeanAll(op.Square(op.Sub(a, b))) }

// Regression is 2 - 2 cos(p, sg(z)), the mean over rows of [B,D]: the squared distance of unit rows. No gradient
// reaches z.
//
// Grill et al. 2020, arXiv:2006.07733, eq. 2.
func Regression(p, z *graph.Node) *graph.Node {
	return op.Affine(NegativeCosine(p, op.StopGradient(z)), 2, 2)
}

// NegativeCosine is minus the mean cosine of rows a, b [B,D], with gradients for both.
//
// Chen and He 2021, arXiv:2011.10566, eq. 1.
func NegativeCosine(a, b *graph.Node) *graph.Node {
	n := op.ShapeOf(a)[0]
	return op.Scale(op.SumAll(op.Mul(op.Normalize(a, Eps), op.Normalize(b, Eps))), -1/float64(n))
}

// PatchMSE is the mean squared difference of painted and target [B,T,N] over the hidden patches of the batch, hidden
// [B,T] of 1 and 0. No gradient reaches the target.
//
// He et al. 2022, arXiv:2111.06377, section 3.
func PatchMSE(painted, target, hidden *graph.Node) *graph.Node {
	perPatch := op.Mean(op.Square(op.Sub(painted, op.StopGradient(target))), false, -1) // [B,T]
	return op.Div(op.SumAll(op.Mul(perPatch, hidden)), op.SumAll(hidden))
}

// UnitPatches is patches [B,T,N] of mean 0 and variance 1 each, as MAE's code scales what is to be painted: the
// variance unbiased, plus 1e-6 under the root.
func UnitPatches(p *graph.Node) *graph.Node {
	centred := op.Sub(p, op.Mean(p, true, -1))
	n := op.ShapeOf(p).Last()
	variance := op.Scale(op.SumAxes(op.Square(centred), true, -1), 1/float64(max(n-1, 1)))
	return op.Mul(centred, op.Rsqrt(op.Shift(variance, 1e-6)))
}

// PatchL1 is the mean absolute difference of painted and target [B,T,N] over the hidden patches of the batch, hidden
// [B,T] of 1 and 0. No gradient reaches the target.
//
// Xie et al. 2022, arXiv:2111.09886, section 3.4. 1e-5 is added to the number of hidden elements, in the authors' code
// to that of hidden pixels.
func PatchL1(painted, target, hidden *graph.Node) *graph.Node {
	perPatch := op.SumAxes(op.Abs(op.Sub(painted, op.StopGradient(target))), false, -1) // [B,T]
	n := float64(op.ShapeOf(painted).Last())
	return op.Div(op.SumAll(op.Mul(perPatch, hidden)), op.Shift(op.Scale(op.SumAll(hidden), n), 1e-5))
}

// SmoothL1 is d^2/(2 beta) where |d| = |a - b| is below beta, and |d| - beta/2 beyond, for each element; of beta 0 it
// is d^2. Girshick, ICCV 2015, arXiv:1504.08083, eq. 3, with PyTorch's beta; data2vec's code has squares for 0.
func SmoothL1(a, b *graph.Node, beta float64) *graph.Node {
	d := op.Sub(a, b)
	if beta == 0 {
		return op.Square(d)
	}
	d = op.Abs(d)
	least := op.Sub(d, op.Relu(op.Shift(d, -beta))) // of |d| and beta
	return op.Scale(op.Mul(least, op.Sub(d, op.Scale(least, 0.5))), 1/beta)
}

// Along is x with mean 0 and biased variance 1 along an axis, eps added to the variance: layer norm without scale and
// shift where the axis is that of the channels, instance norm where it is that of the tokens.
func Along(x *graph.Node, axis int, eps float64) *graph.Node {
	centred := op.Sub(x, op.Mean(x, true, axis))
	return op.Mul(centred, op.Rsqrt(op.Shift(op.Mean(op.Square(centred), true, axis), eps)))
}

// Mean is the mean of numbers, such as the losses of pairs of views.
func Mean(terms []*graph.Node) *graph.Node {
	if len(terms) == 1 {
		return terms[0]
	}
	return op.Scale(op.Sum(terms...), 1/float64(len(terms)))
}

// MeanOver is the mean of values over the places where chosen is 1, of one shape, and 0 where nothing is chosen.
func MeanOver(values, chosen *graph.Node) *graph.Node {
	n := op.Shift(op.Relu(op.Shift(op.SumAll(chosen), -1)), 1) // at least 1
	return op.Div(op.SumAll(op.Mul(values, chosen)), n)
}
