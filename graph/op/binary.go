package op

import (
	"fmt"

	"selfsup/graph/ir"
)

// Binary is elementwise arithmetic of two operands with NumPy broadcasting: axes are aligned at the end, and an axis of
// size 1 (or missing) repeats.
type Binary struct {
	Fn      string // add, sub, mul or div
	Relu    bool   // then max(y, 0); the compiler sets it
	Rounded bool   // then rounded to bfloat16; the compiler sets it
}

// Add is a + b.
func Add(a, b *Node) *Node { return Apply(Binary{Fn: "add"}, a, b) }

// Sub is a - b.
func Sub(a, b *Node) *Node { return Apply(Binary{Fn: "sub"}, a, b) }

// Mul is a * b, elementwise.
func Mul(a, b *Node) *Node { return Apply(Binary{Fn: "mul"}, a, b) }

// Div is a / b, elementwise.
func Div(a, b *Node) *Node { return Apply(Binary{Fn: "div"}, a, b) }

// Name implements ir.Spec.
func (o Binary) Name() string { return "binary" }

// Infer implements ir.Spec.
func (o Binary) Infer(in []ir.Type) (ir.Type, error) {
	if in[0].DType != in[1].DType {
		return ir.Type{}, fmt.Errorf("element types %v and %v differ", in[0].DType, in[1].DType)
	}
	s, ok := Broadcast(in[0].Shape, in[1].Shape)
	if !ok {
		return ir.Type{}, fmt.Errorf("%s: shapes %v and %v do not broadcast", o.Fn, in[0].Shape, in[1].Shape)
	}
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// Broadcast is the shape of a result whose operands have shapes a and b.
func Broadcast(a, b ir.Shape) (ir.Shape, bool) {
	n := max(len(a), len(b))
	s := make(ir.Shape, n)
	for i := range s {
		da, db := 1, 1
		if j := i - n + len(a); j >= 0 {
			da = a[j]
		}
		if j := i - n + len(b); j >= 0 {
			db = b[j]
		}
		switch {
		case da == db, db == 1:
			s[i] = da
		case da == 1:
			s[i] = db
		default:
			return nil, false
		}
	}
	return s, true
}

// BroadcastStrides gives, for every axis of out, the step in elements of an operand of shape s: 0 where it repeats.
func BroadcastStrides(s, out ir.Shape) []int {
	st := make([]int, len(out))
	step := 1
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 1 {
			st[i+len(out)-len(s)] = step
		}
		step *= s[i]
	}
	return st
}

// Index is the offset, by strides st, of flat element i of shape s.
func Index(i int, s ir.Shape, st []int) int {
	at := 0
	for d := len(s) - 1; d >= 0; d-- {
		at += i % s[d] * st[d]
		i /= s[d]
	}
	return at
}

// Ref implements ir.Spec.
func (o Binary) Ref(in []ir.Tensor, out ir.Tensor) {
	sa, sb := BroadcastStrides(in[0].Shape, out.Shape), BroadcastStrides(in[1].Shape, out.Shape)
	for i := range out.Data {
		a, b := in[0].Data[Index(i, out.Shape, sa)], in[1].Data[Index(i, out.Shape, sb)]
		switch o.Fn {
		case "add":
			out.Data[i] = a + b
		case "sub":
			out.Data[i] = a - b
		case "mul":
			out.Data[i] = a * b
		case "div":
			out.Data[i] = a / b
		}
		if o.Relu {
			out.Data[i] = max(out.Data[i], 0)
		}
	}
	if o.Rounded {
		RoundOp{}.Ref([]ir.Tensor{out}, out)
	}
}

// Rounds implements ir.Rounder.
func (o Binary) Rounds(operand int) bool { return rounds(operand, false, o.Rounded) }

// Cheap implements ir.Cheap.
func (o Binary) Cheap() {}

// Fuse implements ir.Fuser: the ReLU after a residual sum, and rounding before or after that, which is the same.
func (o Binary) Fuse(next ir.Spec, _ int, _ []ir.Type) (ir.Spec, bool) {
	switch f := next.(type) {
	case Unary:
		if f.Fn == "relu" && !o.Relu {
			o.Relu = true
			return o, true
		}
	case RoundOp:
		if !o.Rounded {
			o.Rounded = true
			return o, true
		}
	}
	return nil, false
}

// InPlace implements ir.InPlacer.
func (o Binary) InPlace() []int { return []int{0, 1} }

// Active implements Differentiable.
func (o Binary) Active(n int) []bool { return active(2, n) }

// Grad implements Differentiable.
func (o Binary) Grad(g Grad) []*Node {
	a, b := g.In[0], g.In[1]
	gs := make([]*Node, 2)
	if g.Need[0] {
		switch o.Fn {
		case "add", "sub":
			gs[0] = g.Dy
		case "mul":
			gs[0] = Mul(g.Dy, b)
		case "div":
			gs[0] = Div(g.Dy, b)
		}
		gs[0] = SumTo(gs[0], ShapeOf(a))
	}
	if g.Need[1] {
		switch o.Fn {
		case "add":
			gs[1] = g.Dy
		case "sub":
			gs[1] = Neg(SumTo(g.Dy, ShapeOf(b)))
		case "mul":
			gs[1] = Mul(g.Dy, a)
		case "div":
			gs[1] = Neg(Div(Mul(g.Dy, g.Out), b))
		}
		gs[1] = SumTo(gs[1], ShapeOf(b))
	}
	return gs
}

// AddN is the sum of operands of one shape; the reverse pass joins gradients with it. Those behind the first may be
// rows: the last axes of that shape, with or without leading axes of size 1, added to all.
type AddN struct{}

// Sum adds nodes of one shape; of one node it is the node itself.
func Sum(xs ...*Node) *Node {
	if len(xs) == 1 {
		return xs[0]
	}
	var whole, rows []*Node
	for _, x := range xs {
		if o := Of(x); o != nil {
			if _, repeated := o.Spec.(BroadcastOp); repeated && RowOf(ShapeOf(Operands(x)[0]), ShapeOf(x)) {
				rows = append(rows, Operands(x)[0])
				continue
			}
		}
		whole = append(whole, x)
	}
	if len(whole) == 0 {
		return Apply(AddN{}, xs...)
	}
	return Apply(AddN{}, append(whole, rows...)...)
}

// RowOf reports whether a value of shape s is the last axes of shape of, at least one, with or without leading axes of
// size 1.
func RowOf(s, of ir.Shape) bool {
	for len(s) > 0 && s[0] == 1 {
		s = s[1:]
	}
	return len(s) > 0 && len(s) <= len(of) && s.Equal(of[len(of)-len(s):])
}

// Name implements ir.Spec.
func (o AddN) Name() string { return "add_n" }

// Infer implements ir.Spec.
func (o AddN) Infer(in []ir.Type) (ir.Type, error) {
	for _, t := range in[1:] {
		if !t.Shape.Equal(in[0].Shape) && !RowOf(t.Shape, in[0].Shape) || t.DType != in[0].DType {
			return ir.Type{}, fmt.Errorf("%v and %v: want one shape, or its last axes", in[0], t)
		}
	}
	return in[0], nil
}

// Ref implements ir.Spec.
func (o AddN) Ref(in []ir.Tensor, out ir.Tensor) {
	for _, x := range in {
		for i := range out.Data {
			out.Data[i] += x.Data[i%len(x.Data)]
		}
	}
}

// Cheap implements ir.Cheap.
func (o AddN) Cheap() {}

// InPlace implements ir.InPlacer.
func (o AddN) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o AddN) Active(n int) []bool { return active(n, n) }

// Grad implements Differentiable.
func (o AddN) Grad(g Grad) []*Node {
	gs := make([]*Node, len(g.In))
	for i, x := range g.In {
		gs[i] = SumTo(g.Dy, ShapeOf(x))
	}
	return gs
}
