package methods

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// QuarterTurns is square images x [B,H,H,C] turned counter-clockwise by 0, 1, 2 and 3 quarters.
func QuarterTurns(s *graph.Scope, x *graph.Node) []*graph.Node {
	turned := []*graph.Node{x}
	for range 3 {
		turned = append(turned, UpsideDown(s, op.Transpose(turned[len(turned)-1], 0, 2, 1, 3)))
	}
	return turned
}

// UpsideDown is x [B,H,W,C] with its rows in the other order.
func UpsideDown(s *graph.Scope, x *graph.Node) *graph.Node {
	at := op.ShapeOf(x)
	order := make([]int32, at[1])
	for i := range order {
		order[i] = int32(len(order) - 1 - i)
	}
	rows := op.Reshape(op.Transpose(x, 1, 0, 2, 3), at[1], at[0]*at[2]*at[3]) // [H,B*W*C]
	rows = op.Gather(rows, s.Ints(fmt.Sprintf("const/reverse%d", at[1]), order))
	return op.Transpose(op.Reshape(rows, at[1], at[0], at[2], at[3]), 1, 0, 2, 3)
}
