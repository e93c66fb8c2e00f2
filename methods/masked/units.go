package masked

import (
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// UniformUnits are the units of images that a mask leaves, one of every square of four.
type UniformUnits struct {
	grid  masks.Grid
	order *graph.Node // [B*squares,4] int32: the places of a square's units, the visible one first
}

// Uniform reads a mask [B,T] that is 0 in one unit of every square of 2x2 of a grid, and 1 in the others.
func Uniform(hidden *graph.Node, g masks.Grid) *UniformUnits {
	u := &UniformUnits{grid: g}
	u.order = op.Argsort(op.Reshape(u.squares(op.Reshape(hidden, -1, g.Rows, g.Columns, 1)), -1, 4))
	return u
}

// squares is maps [B,Rows*K,Columns*K,C] by squares: [B*squares,4,K*K*C].
func (u *UniformUnits) squares(x *graph.Node) *graph.Node {
	s := op.ShapeOf(x)
	k := s[1] / u.grid.Rows
	six := op.Reshape(x, s[0]*u.grid.Rows/2, 2, k, u.grid.Columns/2, 2, k*s[3])
	return op.Reshape(op.Transpose(six, 0, 3, 1, 4, 2, 5), -1, 4, k*k*s[3])
}

// Take is the visible units of maps [B,Rows*K,Columns*K,C] as smaller maps [B,Rows/2*K,Columns/2*K,C].
func (u *UniformUnits) Take(x *graph.Node) *graph.Node {
	s := op.ShapeOf(x)
	k := s[1] / u.grid.Rows
	seen := op.GatherTokens(u.squares(x), op.Slice(u.order, 1, 0, 1))
	rows := op.Reshape(seen, s[0]*u.grid.Rows/2, u.grid.Columns/2, k, k*s[3])
	return op.Reshape(op.Transpose(rows, 0, 2, 1, 3), s[0], s[1]/2, s[2]/2, s[3])
}

// Put is the units of small maps [B,Rows/2,Columns/2,d] at their places, and hole [1,d] at the others: [B,T,d].
func (u *UniformUnits) Put(x, hole *graph.Node) *graph.Node {
	s := op.ShapeOf(x)
	n := s[0] * s[1] * s[2]
	holes := op.BroadcastTo(op.Reshape(hole, 1, 1, s[3]), ir.Shape{n, 3, s[3]})
	four := op.GatherTokens(op.Concat(1, op.Reshape(x, n, 1, s[3]), holes), op.Argsort(u.order))
	rows := op.Reshape(four, s[0]*s[1], s[2], 2, 2*s[3]) // of squares: their two rows of two units
	return op.Reshape(op.Transpose(rows, 0, 2, 1, 3), s[0], u.grid.Tokens(), s[3])
}
