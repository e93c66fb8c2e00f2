package op

import (
	"fmt"

	"selfsup/graph/ir"
)

// GramOp is the products of all rows of a matrix with each other, or of all columns.
type GramOp struct {
	Columns bool
}

// Gram is x x' [N,N] of x [N,K], the products of its rows with each other. It is symmetric: half the work of MatMul(x,
// x, false, true), and half in the gradient too.
func Gram(x *Node) *Node { return Apply(GramOp{}, x) }

// ColumnGram is x' x [K,K] of x [N,K], the products of its columns with each other.
func ColumnGram(x *Node) *Node { return Apply(GramOp{Columns: true}, x) }

// Name implements ir.Spec.
func (o GramOp) Name() string { return "gram" }

// Dims are the sizes of the product: [n,k]x[k,n].
func (o GramOp) Dims(x ir.Shape) (n, k int) {
	if o.Columns {
		return x[1], x[0]
	}
	return x[0], x[1]
}

// Infer implements ir.Spec.
func (o GramOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 2 {
		return ir.Type{}, fmt.Errorf("want a matrix")
	}
	n, _ := o.Dims(in[0].Shape)
	return ir.Type{Shape: ir.Shape{n, n}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o GramOp) Ref(in []ir.Tensor, out ir.Tensor) {
	MatMulOp{TransA: o.Columns, TransB: !o.Columns}.Ref([]ir.Tensor{in[0], in[0]}, out)
}

// FLOPs implements ir.Coster: a product of a row with itself or with one above.
func (o GramOp) FLOPs(in []ir.Type, out ir.Type) int64 {
	n, k := o.Dims(in[0].Shape)
	return int64(n) * int64(n+1) * int64(k)
}

// Active implements Differentiable.
func (o GramOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable: (dy + dy') x, or x (dy + dy').
func (o GramOp) Grad(g Grad) []*Node {
	both := Add(g.Dy, Transpose(g.Dy, 1, 0))
	if o.Columns {
		return []*Node{MatMul(g.In[0], both, false, false)}
	}
	return []*Node{MatMul(both, g.In[0], false, false)}
}
