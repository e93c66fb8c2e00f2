package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// inParts sends a batch through the networks in parts of equal size, one after the other, for keys in random order.
func (m *MoCo) inParts(s *graph.Scope, b *methods.Batch, query func(x *graph.Node) (h, q *graph.Node),
	key func(x *graph.Node) *graph.Node) (func(x *graph.Node) (h, q *graph.Node), func(x *graph.Node) *graph.Node) {
	n := b.Size() / m.Shuffle
	if b.Size()%m.Shuffle != 0 || n < 2 {
		op.Fail("", "[method.moco] shuffle = %d parts of a batch of %d: want parts of equal size, of 2 images at least",
			m.Shuffle, b.Size())
	}
	part := func(x *graph.Node, i int) *graph.Node { return op.Slice(x, 0, i*n, (i+1)*n) }
	random := s.Random("shuffle")
	return func(x *graph.Node) (h, q *graph.Node) {
			hs, qs := make([]*graph.Node, m.Shuffle), make([]*graph.Node, m.Shuffle)
			for i := range hs {
				hs[i], qs[i] = query(part(x, i))
			}
			return op.Concat(0, hs...), op.Concat(0, qs...)
		}, func(x *graph.Node) *graph.Node {
			order := op.Argsort(random.Uniform(b.Size())) // [B]
			shuffled, keys := permuted(x, order), make([]*graph.Node, m.Shuffle)
			for i := range keys {
				keys[i] = key(part(shuffled, i))
			}
			return permuted(op.Concat(0, keys...), op.Argsort(order))
		}
}

// permuted is x [B,...] with the samples in an order [B].
func permuted(x, order *graph.Node) *graph.Node {
	shape := op.ShapeOf(x)
	rows := op.Gather(op.Reshape(x, shape[0], -1), order)
	return op.Reshape(rows, shape...)
}
