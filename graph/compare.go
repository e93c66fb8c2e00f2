package graph

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Equal is 1 where a = b, else 0, for operands that are both floating point or both int32, in the graph's
// floating-point type. Shapes broadcast.
func (s *Scope) Equal(a, b *Node) *Node {
	if op.TypeOf(a).DType == ir.I32 {
		return op.EqualInts(a, b, s.g.dtype)
	}
	return op.Equal(a, b)
}

// Float is int32 x in the graph's floating-point type.
func (s *Scope) Float(x *Node) *Node { return op.Float(x, s.g.dtype) }
