package losses

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// masked is added to logits that do not count: its exponential is 0 in float32 and float64.
const masked = -1e9

// Comparisons are the cosines of two views of a batch with each other, by what they compare: for every row of [2B,D]
// the other view of its image, and both views of every other image.
type Comparisons struct {
	Cosines  *graph.Node // [N,N]
	Positive *graph.Node // [N,1], the cosine of a row and its partner
	Others   *graph.Node // [N,N], 1 where a row and a column are of different images, else 0
	Count    int         // of other images' views, for every row
}

// Compare makes Comparisons of two views x and y [B,D] of the same images. Rows are scaled to unit length here, and are
// those of all ranks, all of x before all of y: N is twice their number.
func Compare(s *graph.Scope, x, y *graph.Node) Comparisons {
	return CompareRows(s, s.AllRows(op.Normalize(x, Eps)), s.AllRows(op.Normalize(y, Eps)))
}

// CompareRows is Compare of rows that have unit length, of all ranks.
func CompareRows(s *graph.Scope, x, y *graph.Node) Comparisons {
	n := 2 * op.ShapeOf(x)[0]
	if n < 4 {
		op.Fail(s.Path(), "a batch of 1 image has no other to compare it with; want train.batch of at least 2")
	}
	positive := op.SumAxes(op.Mul(x, y), true, 1)
	return Comparisons{
		Cosines:  op.Gram(op.Concat(0, x, y)),
		Positive: op.Concat(0, positive, positive),
		Others:   op.Affine(SameInts(s, ImageOf(s, n, 2)), -1, 1),
		Count:    n - 2,
	}
}

// LogSum is the logarithm of the sum of exp(x) over a row's comparisons with other images: x [N,N] -> [N].
func (c Comparisons) LogSum(x *graph.Node) *graph.Node {
	return op.LogSumExp(op.Add(x, op.Affine(c.Others, -masked, masked)))
}

// Sum is the sum of x [N,N] over a row's comparisons with other images, [N,1].
func (c Comparisons) Sum(x *graph.Node) *graph.Node { return op.SumAxes(op.Mul(x, c.Others), true, 1) }

// ImageOf is the number of the image of every row, [n] int32, of so many views an image, view after view.
func ImageOf(s *graph.Scope, n, views int) *graph.Node {
	image := make([]int32, n)
	for i := range image {
		image[i] = int32(i % (n / views))
	}
	return s.Ints(fmt.Sprintf("const/image%dof%d", n, views), image)
}

// SameInts is 1 where two of ids [N] int32 are equal, else 0: [N,N].
func SameInts(s *graph.Scope, ids *graph.Node) *graph.Node {
	n := op.ShapeOf(ids)[0]
	return s.Equal(op.Reshape(ids, n, 1), op.Reshape(ids, 1, n))
}

// SquaredDistances are those of every row of a [N,D] from every row of b [M,D], [N,M].
func SquaredDistances(a, b *graph.Node) *graph.Node {
	squares := func(x *graph.Node) *graph.Node { return op.SumAxes(op.Square(x), true, 1) }
	sum := op.Add(squares(a), op.Reshape(squares(b), 1, op.ShapeOf(b)[0]))
	return op.Sub(sum, op.Scale(op.MatMul(a, b, false, true), 2))
}

// Recognise is the mean cross-entropy in nats of a row's positives among all other rows of u [N,D], of unit rows:
// RecogniseLogits of their cosines over the temperature tau.
func Recognise(u, positives *graph.Node, tau float64, inside bool, rows int) *graph.Node {
	return RecogniseLogits(op.MaskDiagonal(op.Scale(op.Gram(u), 1/tau), masked), positives, inside, rows)
}

// RecogniseLogits is the mean over the first rows of logits [N,N] of the cross-entropy in nats of the row's positives
// among all columns but its own, whose logit is masked. positives [N,N] is 1 for them; its diagonal is not read. Every
// row needs one. Inside, it is the logarithm of the positives' summed probability; else the mean of their logarithms.
//
// Khosla et al. 2020, arXiv:2004.11362, eq. 2 (outside) and, but for a constant, eq. 3 (inside).
func RecogniseLogits(logits, positives *graph.Node, inside bool, rows int) *graph.Node {
	positives = op.OffDiagonal(positives)
	first := func(x *graph.Node) *graph.Node { return op.Slice(x, 0, 0, rows) }
	if inside {
		chosen := op.LogSumExp(op.Add(logits, op.Affine(positives, -masked, masked)))
		return op.MeanAll(first(op.Sub(op.LogSumExp(logits), chosen)))
	}
	log := op.SumAxes(op.Mul(op.LogSoftmax(logits), positives), false, 1) // [N]
	return op.Neg(op.MeanAll(first(op.Div(log, op.SumAxes(positives, false, 1)))))
}
