package op

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
	"selfsup/internal/assign"
)

// AssignOp gives rows of matrices columns of their own.
type AssignOp struct{}

// Assign is the column of its own that every row of costs [...,N,N] gets, int32 [...,N], so that the costs of a matrix
// add up to the least. It has no gradient, and takes time that grows with N^3. A cost that is not finite is an error of
// Run.
//
// See assign.OneToOne.
func Assign(cost *Node) *Node { return Apply(AssignOp{}, cost) }

// Name implements ir.Spec.
func (o AssignOp) Name() string { return "assign" }

// Infer implements ir.Spec.
func (o AssignOp) Infer(in []ir.Type) (ir.Type, error) {
	s := in[0].Shape
	if len(s) < 2 || s[len(s)-1] != s[len(s)-2] {
		return ir.Type{}, fmt.Errorf("want costs [...,N,N]")
	}
	return ir.Type{Shape: slices.Clone(s[:len(s)-1]), DType: ir.I32}, nil
}

// Check panics if a cost of a matrix is not finite.
func (o AssignOp) Check(cost []float64, n int) {
	for i, c := range cost {
		if !(c-c == 0) {
			panic(fmt.Sprintf("the cost of row %d in column %d is %v, want finite costs", i/n, i%n, c))
		}
	}
}

// Ref implements ir.Spec.
func (o AssignOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := out.Shape.Last()
	for at := 0; at < len(out.Data); at += n {
		cost := in[0].Data[at*n : (at+n)*n]
		o.Check(cost, n)
		for i, j := range assign.OneToOne(cost, n) {
			out.Data[at+i] = float64(j)
		}
	}
}
