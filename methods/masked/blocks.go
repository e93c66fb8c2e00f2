package masked

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
)

// places are patches of each image, int32 [B,K], and which of them are there, [B,K] of 1 and 0; nil: all.
type places struct{ ids, there *graph.Node }

// chosen is the first k patches of a plane [B,T] that are 1, in their order, and others behind where there are less.
func chosen(plane *graph.Node, k int) places {
	ids := op.TopK(plane, k)
	b, t := op.ShapeOf(plane)[0], op.ShapeOf(plane)[1]
	return places{ids, op.Reshape(op.GatherTokens(op.Reshape(plane, b, t, 1), ids), b, k)}
}

// Goal is what the teacher says, y [B,T,D], of the target blocks [M*B,K,D], each token with mean 0 and variance 1.
func (m *IJEPA) Goal(y *graph.Node, asked []places) *graph.Node {
	y = losses.Along(op.StopGradient(y), 2, normEps)
	var all []*graph.Node
	for _, a := range asked {
		all = append(all, op.GatherTokens(y, a.ids))
	}
	return op.Concat(0, all...)
}

// normEps is added to variances by PyTorch's norms.
const normEps = 1e-5

// there is which patches of the target blocks are there, [M*B,K].
func (m *IJEPA) there(asked []places) *graph.Node {
	var all []*graph.Node
	for _, a := range asked {
		all = append(all, a.there)
	}
	return op.Concat(0, all...)
}

// loss is of guesses and goals [M*B,K,D] over the patches that are there [M*B,K].
func (m *IJEPA) loss(predicted, goal, there *graph.Node) *graph.Node {
	each := op.Mean(losses.SmoothL1(predicted, goal, 1), false, 2) // [M*B,K]
	return op.Div(op.SumAll(op.Mul(each, there)), op.SumAll(there))
}
