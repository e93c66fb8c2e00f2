package op

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
)

// SumToOp sums the axes that broadcasting from To to the operand's shape repeats, times Scale.
type SumToOp struct {
	To      Dims
	Scale   float64
	Squares bool // of the operand's squares
}

// Dims is a shape as an attribute: comparable, and spelled out in keys. Unused places are 0.
type Dims struct {
	N int
	D [8]int
}

// DimsOf makes an attribute of a shape of at most 8 axes.
func DimsOf(s ir.Shape) Dims {
	d := Dims{N: len(s)}
	if len(s) > len(d.D) {
		Fail("", "shape %v has more than %d axes", s, len(d.D))
	}
	copy(d.D[:], s)
	return d
}

// Shape is the attribute as a shape.
func (d Dims) Shape() ir.Shape { return append(ir.Shape{}, d.D[:d.N]...) }

// SumTo is the reverse of broadcasting: x summed over the axes in which a value of the given shape would repeat.
func SumTo(x *Node, to ir.Shape) *Node { return sumTo(x, to, 1) }

func sumTo(x *Node, to ir.Shape, scale float64) *Node {
	if ShapeOf(x).Equal(to) {
		return Scale(x, scale)
	}
	o := SumToOp{To: DimsOf(to), Scale: scale}
	if f := Of(x); f != nil && f.Spec == (Unary{"square"}) {
		o.Squares, x = true, Operands(x)[0] // in one pass, forward and back
	}
	return Apply(o, x)
}

// SumAxes sums over the given axes (negative ones count from the end); keep leaves them with size 1.
func SumAxes(x *Node, keep bool, axes ...int) *Node { return reduce(x, keep, axes, 1) }

// Mean is the mean over the given axes; keep leaves them with size 1.
func Mean(x *Node, keep bool, axes ...int) *Node {
	s, n := ShapeOf(x), 1
	for _, a := range axes {
		n *= s[axis(s, a)]
	}
	return reduce(x, keep, axes, 1/float64(n))
}

// SumAll is the sum of all elements, 0-d.
func SumAll(x *Node) *Node { return sumTo(x, ir.Shape{}, 1) }

// MeanAll is the mean of all elements, 0-d.
func MeanAll(x *Node) *Node { return sumTo(x, ir.Shape{}, 1/float64(ShapeOf(x).Size())) }

func axis(s ir.Shape, a int) int {
	if a < 0 {
		a += len(s)
	}
	if a < 0 || a >= len(s) {
		Fail("", "axis %d of a value with shape %v", a, s)
	}
	return a
}

func reduce(x *Node, keep bool, axes []int, scale float64) *Node {
	s := ShapeOf(x)
	kept, cut := slices.Clone(s), ir.Shape{}
	for _, a := range axes {
		kept[axis(s, a)] = 1
	}
	for i, d := range s {
		gone := slices.ContainsFunc(axes, func(a int) bool { return axis(s, a) == i })
		if !gone {
			cut = append(cut, d)
		}
	}
	y := sumTo(x, kept, scale)
	if keep {
		return y
	}
	return Reshape(y, cut...)
}

// Name implements ir.Spec.
func (o SumToOp) Name() string { return "sum_to" }

// Infer implements ir.Spec.
func (o SumToOp) Infer(in []ir.Type) (ir.Type, error) {
	to := o.To.Shape()
	if s, ok := Broadcast(in[0].Shape, to); !ok || !s.Equal(in[0].Shape) {
		return ir.Type{}, fmt.Errorf("%v cannot be summed to %v", in[0].Shape, to)
	}
	return ir.Type{Shape: to, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o SumToOp) Ref(in []ir.Tensor, out ir.Tensor) {
	st := BroadcastStrides(out.Shape, in[0].Shape)
	for i, v := range in[0].Data {
		if o.Squares {
			v *= v
		}
		out.Data[Index(i, in[0].Shape, st)] += v
	}
	for i := range out.Data {
		out.Data[i] *= o.Scale
	}
}

// Active implements Differentiable.
func (o SumToOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o SumToOp) Grad(g Grad) []*Node {
	if o.Squares {
		return []*Node{Mul(g.In[0], Scale(g.Dy, 2*o.Scale))}
	}
	return []*Node{BroadcastTo(Scale(g.Dy, o.Scale), ShapeOf(g.In[0]))}
}

// BroadcastOp repeats a value to a larger shape.
type BroadcastOp struct{ To Dims }

// BroadcastTo repeats x to a shape.
func BroadcastTo(x *Node, to ir.Shape) *Node {
	if ShapeOf(x).Equal(to) {
		return x
	}
	return Apply(BroadcastOp{DimsOf(to)}, x)
}

// Name implements ir.Spec.
func (o BroadcastOp) Name() string { return "broadcast" }

// Infer implements ir.Spec.
func (o BroadcastOp) Infer(in []ir.Type) (ir.Type, error) {
	to := o.To.Shape()
	if s, ok := Broadcast(in[0].Shape, to); !ok || !s.Equal(to) {
		return ir.Type{}, fmt.Errorf("%v cannot be repeated to %v", in[0].Shape, to)
	}
	return ir.Type{Shape: to, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o BroadcastOp) Ref(in []ir.Tensor, out ir.Tensor) {
	st := BroadcastStrides(in[0].Shape, out.Shape)
	for i := range out.Data {
		out.Data[i] = in[0].Data[Index(i, out.Shape, st)]
	}
}

// Cheap implements ir.Cheap.
func (o BroadcastOp) Cheap() {}

// Integers implements ir.Integers.
func (o BroadcastOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o BroadcastOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o BroadcastOp) Grad(g Grad) []*Node { return []*Node{SumTo(g.Dy, ShapeOf(g.In[0]))} }

// ArgmaxOp is the index of the first largest element of the last axis.
type ArgmaxOp struct{}

// Argmax is the index of the first largest element of the last axis, [...,K] -> [...] int32.
func Argmax(x *Node) *Node { return Apply(ArgmaxOp{}, x) }

// Name implements ir.Spec.
func (o ArgmaxOp) Name() string { return "argmax" }

// Infer implements ir.Spec.
func (o ArgmaxOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) == 0 {
		return ir.Type{}, fmt.Errorf("a scalar has no last axis")
	}
	return ir.Type{Shape: slices.Clone(in[0].Shape[:len(in[0].Shape)-1]), DType: ir.I32}, nil
}

// Ref implements ir.Spec.
func (o ArgmaxOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := range out.Data {
		row := in[0].Data[i*k : (i+1)*k]
		best := 0
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		out.Data[i] = float64(best)
	}
}
