package losses

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Matching is the mean cross-entropy, in nats, of picking the partner of each row among all columns, and of each column
// among all rows. logits [N,N] has partners on the diagonal; smoothing is the share of a target that is spread over
// all.
//
// Radford et al. 2021, arXiv:2103.00020, figure 3.
func Matching(s *graph.Scope, logits *graph.Node, smoothing float64) *graph.Node {
	own := Own(s, logits)
	rows := op.CrossEntropy(logits, own, smoothing)
	columns := op.CrossEntropy(op.Transpose(logits, 1, 0), own, smoothing)
	return op.Scale(op.Add(op.MeanAll(rows), op.MeanAll(columns)), 0.5)
}

// Own is 0, 1 ... for the rows of a square matrix of logits [N,N]: the place of each row's partner.
func Own(s *graph.Scope, logits *graph.Node) *graph.Node {
	n := op.ShapeOf(logits)[0]
	place := make([]int32, n)
	for i := range place {
		place[i] = int32(i)
	}
	return s.Ints(fmt.Sprintf("const/own%d", n), place)
}

// Cosines of all rows u [B,D] of all ranks with all rows v [B,D]: [N,N]. Rows are made unit here.
func Cosines(s *graph.Scope, u, v *graph.Node) *graph.Node {
	u, v = s.AllRows(op.Normalize(u, Eps)), s.AllRows(op.Normalize(v, Eps))
	return op.MatMul(u, v, false, true)
}
