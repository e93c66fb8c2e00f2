package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Sinkhorn is assignments [B,K] near the scores [B,K] of samples with prototypes in which every prototype has about as
// many samples: exp(scores/epsilon) with columns and rows scaled in turn to sums of B/K and 1, so often. Rows of the
// result sum to 1. It has no gradient. scores are of all ranks; epsilon above their range over 80 keeps float32 finite.
//
// Caron et al. 2020, arXiv:2006.09882, section 3.1, eq. 3 to 5; Cuturi 2013, arXiv:1306.0895. As in the authors' code
// the columns come first.
func Sinkhorn(scores *graph.Node, epsilon float64, iterations int) *graph.Node {
	n, k := op.ShapeOf(scores)[0], op.ShapeOf(scores)[1]
	scores = op.StopGradient(scores)
	all := op.Reshape(scores, n*k)
	largest := op.Gather(all, op.Argmax(op.Reshape(scores, 1, n*k))) // [1]
	q := op.Exp(op.Scale(op.Sub(scores, largest), 1/epsilon))
	for range iterations {
		q = op.Div(q, op.SumAxes(q, true, 0)) // [1,K]
		q = op.Div(q, op.SumAxes(q, true, 1)) // [B,1]
	}
	return op.StopGradient(q)
}
