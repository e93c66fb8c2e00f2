package backbones

import (
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Masked is a Backbone of images that can leave out cells of its last map, over the same parameters as New.
type Masked interface {
	Backbone
	NewMasked(s *graph.Scope, in Input) *MaskedEncoder
}

// MaskedEncoder encodes the cells of images that are not hidden. Cells are numbered by rows; T = Rows*Columns.
type MaskedEncoder struct {
	Dim           int // D
	Stride        int // side of a cell, pixels
	Rows, Columns int
	// images [B,H,W,C] and hidden [B,T], 1 in all but k cells of every image -> [B,Rows,Columns,D], 0 in hidden cells
	Encode func(x, hidden *graph.Node, k int) *graph.Node
	// what Encode gives with k visible cells -> features [B,D]
	Pool func(x *graph.Node, k int) *graph.Node
}

// cells are the places of a map that are not hidden, of every image as many: K of H*W. A nil *cells takes and puts
// all.
type cells struct {
	ids, places *graph.Node // [B,K] and [B,H*W] int32: where the cells are, and where each place is among them
	rest        int         // H*W-K
}

// visibleCells are the places of a map that is finer by a factor than the cells hidden [B,rows*columns], of which
// every image shows k.
func visibleCells(hidden *graph.Node, rows, columns, factor, k int) *cells {
	b := op.ShapeOf(hidden)[0]
	fine := op.BroadcastTo(op.Reshape(hidden, b, rows, 1, columns, 1), ir.Shape{b, rows, factor, columns, factor})
	order := op.Argsort(op.Reshape(fine, b, -1)) // equal ones keep their order: what is visible comes first
	n := k * factor * factor
	return &cells{ids: op.Slice(order, 1, 0, n), places: op.Argsort(order), rest: op.ShapeOf(order)[1] - n}
}

// take is the visible places of x [B,H,W,C]: [B,K,C].
func (v *cells) take(x *graph.Node) *graph.Node {
	if v == nil {
		return x
	}
	shape := op.ShapeOf(x)
	return op.GatherTokens(op.Reshape(x, shape[0], -1, shape[3]), v.ids)
}

// put is y [B,K,C] at its places of a map like x [B,H,W,C], and 0 elsewhere.
func (v *cells) put(y, like *graph.Node) *graph.Node {
	if v == nil || v.rest == 0 {
		return op.Reshape(y, op.ShapeOf(like)...)
	}
	shape := op.ShapeOf(y)
	all := op.Pad(y, 1, 0, v.rest)
	return op.Reshape(op.GatherTokens(all, v.places), shape[0], op.ShapeOf(like)[1], op.ShapeOf(like)[2], shape[2])
}
