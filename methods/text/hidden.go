package text

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
)

// What masked models say of hidden symbols, for [evaluate.guessed].

// Hidden implements methods.Hiding. BERT's symbols are then those of one piece, without special ones.
func (m *MLM) Hidden(s *graph.Scope, enc methods.Encoder, b *methods.Batch, hidden *graph.Node) *graph.Node {
	e := needBoth(s, enc, b)
	ids := b.View(0)
	n := op.ShapeOf(ids)
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, e.Dim), 1, 1, e.Dim)
	x := instead(e.Symbols.Look(ids), mask, op.Reshape(hidden, n[0], n[1], 1))
	y := e.Symbols.Encode(e.Symbols.Place(x), e.Symbols.There(ids))
	return op.Reshape(heads.Tied(s.In("head"), e.Symbols.Table, 0)(y), n[0], n[1], -1)
}

// Hidden implements methods.Hiding.
func (m *DeCLUTR) Hidden(s *graph.Scope, enc methods.Encoder, b *methods.Batch, hidden *graph.Node) *graph.Node {
	if m.Guess == 0 {
		op.Fail("", "guess = 0: this method then tells no hidden symbols; want a weight above 0")
	}
	return m.MLM.Hidden(s, enc, b, hidden)
}

// Hidden implements methods.Hiding: by the generator.
func (m *Generator) Hidden(s *graph.Scope, enc methods.Encoder, b *methods.Batch, hidden *graph.Node) *graph.Node {
	e, at := needBoth(s, enc, b), s.In(proposer)
	ids := b.View(0)
	n := op.ShapeOf(ids)
	y := op.Reshape(m.read(at, e, ids, hidden, e.Symbols.There(ids)), -1, e.Dim)
	return op.Reshape(heads.Tied(at.In("head"), e.Symbols.Table, 0)(y), n[0], n[1], -1)
}
