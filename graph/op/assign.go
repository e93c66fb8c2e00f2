package op

import (
	"fmt"

	"selfsup/graph/ir"
	"selfsup/internal/assign"
)

// AssignOp gives rows columns of their own.
type AssignOp struct{}

// Assign is the column of its own that every row of costs [N,N] gets, int32 [N], so that the costs add up to the least.
// It has no gradient, and takes time that grows with N^3. A cost that is not finite is an error of Run.
//
// See assign.OneToOne.
func Assign(cost *Node) *Node { return Apply(AssignOp{}, cost) }

// Name implements ir.Spec.
func (o AssignOp) Name() string { return "assign" }

// Infer implements ir.Spec.
func (o AssignOp) Infer(in []ir.Type) (ir.Type, error) {
	if s := in[0].Shape; len(s) != 2 || s[0] != s[1] {
		return ir.Type{}, fmt.Errorf("want costs [N,N]")
	}
	return ir.Type{Shape: ir.Shape{in[0].Shape[0]}, DType: ir.I32}, nil
}

// Check panics if a cost is not finite.
func (o AssignOp) Check(cost []float64, n int) {
	for i, c := range cost {
		if !(c-c == 0) {
			panic(fmt.Sprintf("the cost of row %d in column %d is %v, want finite costs", i/n, i%n, c))
		}
	}
}

// Ref implements ir.Spec.
func (o AssignOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := out.Shape[0]
	o.Check(in[0].Data, n)
	for i, j := range assign.OneToOne(in[0].Data, n) {
		out.Data[i] = float64(j)
	}
}
