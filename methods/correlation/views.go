package correlation

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// embed gives the features h [B,F] of all crops and what project makes of them, z [B,D], over the rows of all ranks.
// The large crops, of which there are so many, come first. Each view is a batch of its own for batch norm.
func embed(s *graph.Scope, encode, project layer.Func, b *methods.Batch) (h, z []*graph.Node, large int) {
	crops := b.Crops()
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		z = append(z, s.AllRows(project(x))) // [B,D]
	}
	return h, z, len(crops[0])
}

// each is f of every view's embeddings, each made where it is first asked for.
func each(f func(*graph.Node) *graph.Node) layer.Func {
	made := map[*graph.Node]*graph.Node{}
	return func(z *graph.Node) *graph.Node {
		if made[z] == nil {
			made[z] = f(z)
		}
		return made[z]
	}
}

// transposed is x' of a matrix.
func transposed(x *graph.Node) *graph.Node { return op.Transpose(x, 1, 0) }
