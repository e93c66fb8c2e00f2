package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
)

// embed gives the features of the first view [B,F] and the embeddings of all views, each [B,D], the large ones first
// with their number. Views of one size go through encoder and projector as one batch, so batch norm sees them together,
// as in SimCLR's code. Without widths the features are the embeddings.
func embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch, widths []int) (h *graph.Node, z []*graph.Node,
	large int) {
	encode, project := enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, widths...)
	var sizes []*graph.Node
	for _, x := range b.Crops() {
		y := encode(op.Concat(0, x...)) // [VB,F]
		if h == nil {
			h = op.Slice(y, 0, 0, b.Size())
		}
		sizes = append(sizes, project(y)) // [VB,D]
	}
	z, large = methods.SplitViews(sizes, b.Size())
	return h, z, large
}

// allViews are the rows of unit length of all ranks' embeddings, view after view, [VB,D].
func allViews(s *graph.Scope, z []*graph.Node) *graph.Node {
	u := make([]*graph.Node, len(z))
	for v := range z {
		u[v] = s.AllRows(op.Normalize(z[v], losses.Eps))
	}
	return op.Concat(0, u...)
}

// bothWays is the mean of a loss of views a and b and of b and a.
func bothWays(loss func(a, b *graph.Node) *graph.Node) func(a, b *graph.Node) *graph.Node {
	return func(a, b *graph.Node) *graph.Node { return op.Scale(op.Add(loss(a, b), loss(b, a)), 0.5) }
}
