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
	return balanced(op.Exp(op.Scale(belowLargest(scores), 1/epsilon)), 0, iterations)
}

// SinkhornOf is Sinkhorn with an epsilon that may change, 0-d, over the rows that count: counted [B] of 1 and 0, nil:
// all. The other rows are 0.
func SinkhornOf(scores, counted, epsilon *graph.Node, iterations int) *graph.Node {
	q := op.Exp(op.Div(belowLargest(scores), epsilon))
	if counted == nil {
		return balanced(q, 0, iterations)
	}
	return balanced(op.Mul(q, op.Reshape(op.StopGradient(counted), -1, 1)), least, iterations)
}

// SinkhornByPlace is Sinkhorn of scores [B,T,K] for each of the T places by itself, whose samples share the prototypes
// evenly: no prototype stands for a place. Rows of the result sum to 1. It has no gradient. scores are of all ranks.
//
// Darcet et al. 2025, arXiv:2502.08769, section 3.1. It is counted in logarithms: scores are no cosines, and of a
// prototype that is far from all samples at a place float32 has nothing left to share.
func SinkhornByPlace(scores *graph.Node, epsilon float64, iterations int) *graph.Node {
	q := op.Scale(op.StopGradient(scores), 1/epsilon) // [B,T,K]
	for range iterations {
		columns := op.LogSoftmax(op.Transpose(q, 1, 2, 0)) // [T,K,B]
		q = op.LogSoftmax(op.Transpose(columns, 2, 0, 1))
	}
	return op.StopGradient(op.Exp(q))
}

// Balanced is distributions p [B,K] with columns and rows scaled in turn to even sums, rows to 1. It has no gradient.
func Balanced(p *graph.Node, iterations int) *graph.Node {
	return balanced(op.StopGradient(p), 0, iterations)
}

// belowLargest is scores [B,K] less the largest of all. It has no gradient.
func belowLargest(scores *graph.Node) *graph.Node {
	n, k := op.ShapeOf(scores)[0], op.ShapeOf(scores)[1]
	scores = op.StopGradient(scores)
	all := op.Reshape(scores, n*k)
	return op.Sub(scores, op.Gather(all, op.Argmax(op.Reshape(scores, 1, n*k))))
}

// balanced is q [B,K] with columns and rows scaled in turn to even sums, rows to 1. more is added to sums.
func balanced(q *graph.Node, more float64, iterations int) *graph.Node {
	sum := func(axis int) *graph.Node {
		all := op.SumAxes(q, true, axis)
		if more == 0 {
			return all
		}
		return op.Shift(all, more)
	}
	for range iterations {
		q = op.Div(q, sum(0)) // [1,K]
		q = op.Div(q, sum(1)) // [B,1]
	}
	return op.StopGradient(q)
}

// least keeps sums above 0 that are sums of nothing, and does not change others.
const least = 1e-30
