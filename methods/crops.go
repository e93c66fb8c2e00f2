package methods

import (
	"selfsup/graph"
	"selfsup/graph/op"
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
