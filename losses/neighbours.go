package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Nearest is the places of the k rows of a memory [K,D] with the largest cosines to each row of z [B,D], the nearest
// first: [B,k] int32. Rows of both have unit length. It has no gradient.
func Nearest(z, memory *graph.Node, k int) *graph.Node {
	if size := op.ShapeOf(memory)[0]; k > size {
		op.Fail("", "%d neighbours of a memory of %d rows; want at most that", k, size)
	}
	return op.TopK(op.MatMul(z, memory, false, true), k)
}

// RowsAt is the rows of a memory [K,D] at places [B,k], neighbours of one row of z after the other: [B*k,D].
func RowsAt(memory, places *graph.Node) *graph.Node {
	return op.Gather(memory, op.Reshape(places, op.ShapeOf(places).Size()))
}

// Among is 1 where a cosine is one of the k largest of its row, else 0, of [B,K]. It has no gradient.
func Among(cosines *graph.Node, k int) *graph.Node {
	b, n := op.ShapeOf(cosines)[0], op.ShapeOf(cosines)[1]
	last := op.Slice(op.TopK(cosines, k), 1, k-1, k)                               // [B,1]
	least := op.Reshape(op.GatherTokens(op.Reshape(cosines, b, n, 1), last), b, 1) // [B,1]
	return op.StopGradient(op.Affine(op.Less(cosines, least), -1, 1))
}

// Relation is the mean over rows of the cross-entropy, in nats, of two distributions over a memory [K,D]: by the
// cosines of teacher rows k [B,D] over one temperature, and by those of student rows q [B,D] over another. Rows have
// unit length. No gradient reaches k and the memory.
//
// Zheng et al. 2021, arXiv:2107.09282, eq. 3 to 5; less the teacher's entropy, which has no gradient, it is the
// divergence of Tejankar et al. 2021, arXiv:2012.09259, eq. 3.
func Relation(q, k, memory *graph.Node, student, teacher float64) *graph.Node {
	memory = op.StopGradient(memory)
	target := op.Softmax(op.Scale(op.MatMul(op.StopGradient(k), memory, false, true), 1/teacher)) // [B,K]
	return op.MeanAll(op.CrossEntropySoft(op.Scale(op.MatMul(q, memory, false, true), 1/student), target))
}

// MeanShift is 2 - 2 cos, the mean over rows of q [B,D] and the k rows of a memory at places [B,k]: the mean squared
// distance of unit rows. Rows of the memory have unit length, q is scaled to it here. No gradient reaches the memory.
//
// Koohpayegani, Tejankar, Pirsiavash 2021, arXiv:2105.07269, eq. 1.
func MeanShift(q, memory, places *graph.Node) *graph.Node {
	b, k, d := op.ShapeOf(places)[0], op.ShapeOf(places)[1], op.ShapeOf(q)[1]
	near := op.Mean(op.Reshape(RowsAt(op.StopGradient(memory), places), b, k, d), false, 1) // [B,D]
	return op.Affine(op.SumAll(op.Mul(op.Normalize(q, Eps), near)), -2/float64(b), 2)
}
