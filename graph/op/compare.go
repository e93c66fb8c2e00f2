package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// Compare is 1 where two operands compare as Fn says and 0 elsewhere, with NumPy broadcasting as of Binary. It has no
// gradient. NaN is neither less than anything nor equal to it.
type Compare struct {
	Fn string   // less or equal
	To ir.DType // element type of the result where the operands are int32; floating-point operands give their own
}

// Less is 1 where a < b, else 0.
func Less(a, b *Node) *Node { return Apply(Compare{Fn: "less"}, a, b) }

// Greater is 1 where a > b, else 0.
func Greater(a, b *Node) *Node { return Less(b, a) }

// Equal is 1 where a = b, else 0. The operands are floating point; for int32 see EqualInts.
func Equal(a, b *Node) *Node { return Apply(Compare{Fn: "equal"}, a, b) }

// EqualInts is 1 where the int32 operands a and b are equal, else 0, in element type to.
func EqualInts(a, b *Node, to ir.DType) *Node { return Apply(Compare{Fn: "equal", To: to}, a, b) }

// Name implements ir.Spec.
func (o Compare) Name() string { return "compare" }

// Infer implements ir.Spec.
func (o Compare) Infer(in []ir.Type) (ir.Type, error) {
	t, err := Binary{Fn: o.Fn}.Infer(in)
	if t.DType == ir.I32 {
		if o.To != ir.F32 && o.To != ir.F64 {
			return t, fmt.Errorf("the result is to be %v, want a floating-point type", o.To)
		}
		t.DType = o.To
	}
	return t, err
}

// Integers implements ir.Integers: numbers and classes are equal or not, and have no order.
func (o Compare) Integers(int) bool { return o.Fn == "equal" }

// InPlace implements ir.InPlacer.
func (o Compare) InPlace() []int { return []int{0, 1} }

// Ref implements ir.Spec.
func (o Compare) Ref(in []ir.Tensor, out ir.Tensor) {
	sa, sb := BroadcastStrides(in[0].Shape, out.Shape), BroadcastStrides(in[1].Shape, out.Shape)
	for i := range out.Data {
		a, b := in[0].Data[Index(i, out.Shape, sa)], in[1].Data[Index(i, out.Shape, sb)]
		if o.Fn == "less" && a < b || o.Fn == "equal" && a == b {
			out.Data[i] = 1
		}
	}
}

// FloatOp makes floating-point numbers of int32.
type FloatOp struct{ To ir.DType }

// Float is int32 x in floating-point type to, without gradient: labels as targets, places as positions. float32 holds
// whole numbers up to 2^24.
func Float(x *Node, to ir.DType) *Node { return Apply(FloatOp{to}, x) }

// Name implements ir.Spec.
func (o FloatOp) Name() string { return "float" }

// Infer implements ir.Spec.
func (o FloatOp) Infer(in []ir.Type) (ir.Type, error) {
	if in[0].DType != ir.I32 || o.To != ir.F32 && o.To != ir.F64 {
		return ir.Type{}, fmt.Errorf("cannot make %v of %v, want f32 or f64 of int32", o.To, in[0])
	}
	return ir.Type{Shape: in[0].Shape, DType: o.To}, nil
}

// Integers implements ir.Integers.
func (o FloatOp) Integers(int) bool { return true }

// Ref implements ir.Spec.
func (o FloatOp) Ref(in []ir.Tensor, out ir.Tensor) { copy(out.Data, in[0].Data) }

// IntOp makes int32 of floating-point numbers.
type IntOp struct{}

// Int is the largest whole number that is not above each element of x, int32, without gradient: places of numbers. What
// int32 cannot hold is its nearest number; NaN is 0.
func Int(x *Node) *Node { return Apply(IntOp{}, x) }

// Name implements ir.Spec.
func (o IntOp) Name() string { return "int" }

// Infer implements ir.Spec.
func (o IntOp) Infer(in []ir.Type) (ir.Type, error) {
	if in[0].DType != ir.F32 && in[0].DType != ir.F64 {
		return ir.Type{}, fmt.Errorf("cannot make int32 of %v, want f32 or f64", in[0])
	}
	return ir.Type{Shape: in[0].Shape, DType: ir.I32}, nil
}

// Ref implements ir.Spec.
func (o IntOp) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, v := range in[0].Data {
		out.Data[i] = float64(IntOf(v))
	}
}

// IntOf is what Int makes of a number.
func IntOf(v float64) int32 {
	switch v = math.Floor(v); {
	case v != v:
		return 0
	case v < math.MinInt32:
		return math.MinInt32
	case v > math.MaxInt32:
		return math.MaxInt32
	}
	return int32(v)
}
