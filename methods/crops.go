package methods

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
)

// Pairs lists the pairs of views that a loss compares: every large view, of which there are so many and which come
// first, with every other; two large ones once.
func Pairs(large, views int) [][2]int {
	var ps [][2]int
	for i := range large {
		for j := i + 1; j < views; j++ {
			ps = append(ps, [2]int{i, j})
		}
	}
	return ps
}

// OverPairs is the mean of a loss of two views' embeddings z [B,D] over Pairs.
func OverPairs(z []*graph.Node, large int, loss func(a, b *graph.Node) *graph.Node) *graph.Node {
	var terms []*graph.Node
	for _, p := range Pairs(large, len(z)) {
		terms = append(terms, loss(z[p[0]], z[p[1]]))
	}
	return losses.Mean(terms)
}

// Crossed is f of every guess p[i], a student's of one view, and every target z[j], a teacher's of another: targets are
// of the first views, with i and j different. A target that is nil is none.
func Crossed(p, z []*graph.Node, f func(p, z *graph.Node) *graph.Node) (terms []*graph.Node) {
	for i := range p {
		for j := range z {
			if i != j && z[j] != nil {
				terms = append(terms, f(p[i], z[j]))
			}
		}
	}
	return terms
}

// SplitViews takes batches x[size] [VB,...] of V views of b samples each apart, view by view. large is how many the
// first size has.
func SplitViews(x []*graph.Node, b int) (views []*graph.Node, large int) {
	for k, all := range x {
		n := op.ShapeOf(all)[0] / b
		for v := range n {
			views = append(views, op.Slice(all, 0, v*b, (v+1)*b))
		}
		if k == 0 {
			large = n
		}
	}
	return views, large
}
