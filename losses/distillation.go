package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Sharpen is what a teacher says as distributions: softmax((y - centre) / temperature) of every row of y [B,K],
// centre [K], temperature 0-d. It has no gradient. Centring keeps one answer from being everybody's, a low
// temperature keeps all answers from being alike.
//
// Caron et al. 2021, arXiv:2104.14294, eq. 1 and section 3.1, "Avoiding collapse".
func Sharpen(y, centre, temperature *graph.Node) *graph.Node {
	return op.StopGradient(op.Softmax(op.Div(op.Sub(y, centre), temperature)))
}

// NextCentre is a centre [K] after a step: momentum of what it was and the rest the mean of y [B,K], over the rows
// of all ranks.
//
// Caron et al. 2021, arXiv:2104.14294, eq. 4.
func NextCentre(s *graph.Scope, centre, y *graph.Node, momentum float64) *graph.Node {
	mean := op.Mean(s.AllRows(op.StopGradient(y)), false, 0)
	return op.Lerp(centre, mean, s.Constant(momentum))
}

// CrossEntropyOfPairs is the mean over pairs of views, and over rows, of the cross-entropy in nats of a target
// [B,K], a distribution, and the softmax of the logits [B,K] of another view. Target i is of view i; there may be
// more views than targets.
//
// Caron et al. 2021, arXiv:2104.14294, eq. 3.
func CrossEntropyOfPairs(targets, logits []*graph.Node) *graph.Node {
	var terms []*graph.Node
	for i, t := range targets {
		for j, x := range logits {
			if i != j {
				terms = append(terms, op.MeanAll(op.CrossEntropySoft(x, t)))
			}
		}
	}
	return Mean(terms)
}

// Entropy is the mean entropy in nats of distributions p [B,K]. It has no gradient.
func Entropy(p *graph.Node) *graph.Node {
	p = op.StopGradient(p)
	n := op.ShapeOf(p)[0]
	return op.Scale(op.SumAll(op.Mul(p, op.Log(op.Shift(p, Eps)))), -1/float64(n))
}
