package dense

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// matches are the k rows of distances d [B,T,U] with the smallest least entries, and where these are: [B,k] int32 each.
func (m *VICRegL) matches(d *graph.Node, k int) (at, of *graph.Node) {
	size := op.ShapeOf(d)
	n, t, u := size[0], size[1], size[2]
	near := op.Neg(op.StopGradient(d))
	nearest := op.Argmax(near)                                                         // [B,T]
	least := op.GatherTokens(op.Reshape(near, n*t, u, 1), op.Reshape(nearest, n*t, 1)) // [B*T,1,1]
	at = op.TopK(op.Reshape(least, n, t), k)                                           // by distance
	pick := func(x, at *graph.Node) *graph.Node {                                      // of ids [B,n]
		return op.Reshape(op.GatherTokens(op.Reshape(x, n, -1, 1), at), n, k)
	}
	if m.Order == byPlace {
		at = pick(at, op.Argsort(at))
	}
	return at, pick(nearest, at)
}

// squaredDistances of rows a [B,T,D] and b [B,U,D] are [B,T,U]. They have no gradient.
func squaredDistances(a, b *graph.Node) *graph.Node {
	a, b = op.StopGradient(a), op.StopGradient(b)
	n, t, u := op.ShapeOf(a)[0], op.ShapeOf(a)[1], op.ShapeOf(b)[1]
	square := func(x *graph.Node) *graph.Node { return op.SumAxes(op.Square(x), false, 2) }
	lengths := op.Add(op.Reshape(square(a), n, t, 1), op.Reshape(square(b), n, 1, u))
	return op.Sub(lengths, op.Scale(op.MatMul(a, b, false, true), 2))
}

// decorrelationOfEach is the mean over slots of losses.Decorrelation of z [B,slots,D], over the batch.
func decorrelationOfEach(z *graph.Node) *graph.Node {
	n, slots, d := op.ShapeOf(z)[0], op.ShapeOf(z)[1], op.ShapeOf(z)[2]
	zc := op.Transpose(op.Sub(z, op.Mean(z, true, 0)), 1, 0, 2) // [slots,B,D]
	products := op.MatMul(zc, zc, true, false)                  // [slots,D,D]
	if n < d {
		products = op.MatMul(zc, zc, false, true) // [slots,B,B], whose squares have the same sum
	}
	variances := op.SumAxes(op.Square(zc), false, 1) // [slots,D], times n-1
	off := op.Sub(op.SumAll(op.Square(products)), op.SumAll(op.Square(variances)))
	return op.Scale(off, 1/float64(slots*d*(n-1)*(n-1)))
}
