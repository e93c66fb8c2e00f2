package op

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
)

// ReshapeOp gives a value another shape of the same size; a view.
type ReshapeOp struct{ To Dims }

// Reshape gives x another shape of the same size; one axis may be -1.
func Reshape(x *Node, shape ...int) *Node {
	to := slices.Clone(ir.Shape(shape))
	if k := slices.Index(to, -1); k >= 0 {
		rest := -to.Size()
		if rest < 1 || ShapeOf(x).Size()%rest != 0 {
			Fail(scopeOf([]*Node{x}), "reshape %v to %v: %d elements are no multiple of %d", ShapeOf(x),
				ir.Shape(shape), ShapeOf(x).Size(), rest)
		}
		to[k] = ShapeOf(x).Size() / rest
	}
	if ShapeOf(x).Equal(to) {
		return x
	}
	return Apply(ReshapeOp{DimsOf(to)}, x)
}

// Name implements ir.Spec.
func (o ReshapeOp) Name() string { return "reshape" }

// Infer implements ir.Spec.
func (o ReshapeOp) Infer(in []ir.Type) (ir.Type, error) {
	to := o.To.Shape()
	if to.Size() != in[0].Shape.Size() {
		return ir.Type{}, fmt.Errorf("%d elements cannot become %v", in[0].Shape.Size(), to)
	}
	return ir.Type{Shape: to, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ReshapeOp) Ref(in []ir.Tensor, out ir.Tensor) { copy(out.Data, in[0].Data) }

// Integers implements ir.Integers.
func (o ReshapeOp) Integers(int) bool { return true }

// View implements ir.Viewer.
func (o ReshapeOp) View([]ir.Type) int { return 0 }

// Active implements Differentiable.
func (o ReshapeOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o ReshapeOp) Grad(g Grad) []*Node { return []*Node{Reshape(g.Dy, ShapeOf(g.In[0])...)} }

// StopOp passes a value and no gradient; a view.
type StopOp struct{}

// StopGradient is x, through which no gradient flows.
func StopGradient(x *Node) *Node { return Apply(StopOp{}, x) }

// Name implements ir.Spec.
func (o StopOp) Name() string { return "stop_gradient" }

// Infer implements ir.Spec.
func (o StopOp) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o StopOp) Ref(in []ir.Tensor, out ir.Tensor) { copy(out.Data, in[0].Data) }

// Integers implements ir.Integers.
func (o StopOp) Integers(int) bool { return true }

// View implements ir.Viewer.
func (o StopOp) View([]ir.Type) int { return 0 }

// TransposeOp permutes axes: axis i of the result is axis Perm[i] of the operand.
type TransposeOp struct{ Perm Dims }

// Transpose permutes the axes of x: axis i of the result is axis perm[i] of x.
func Transpose(x *Node, perm ...int) *Node { return Apply(TransposeOp{DimsOf(perm)}, x) }

// Name implements ir.Spec.
func (o TransposeOp) Name() string { return "transpose" }

// Infer implements ir.Spec.
func (o TransposeOp) Infer(in []ir.Type) (ir.Type, error) {
	perm := o.Perm.Shape()
	sorted := slices.Clone(perm)
	slices.Sort(sorted)
	for i, p := range sorted {
		if p != i || len(perm) != len(in[0].Shape) {
			return ir.Type{}, fmt.Errorf("%v is no order of %d axes", perm, len(in[0].Shape))
		}
	}
	to := make(ir.Shape, len(perm))
	for i, p := range perm {
		to[i] = in[0].Shape[p]
	}
	return ir.Type{Shape: to, DType: in[0].DType}, nil
}

// Steps gives, for every axis of the result, its step in the operand.
func (o TransposeOp) Steps(in ir.Shape) []int {
	steps, own := make([]int, len(in)), make([]int, len(in))
	n := 1
	for i := len(in) - 1; i >= 0; i-- {
		own[i] = n
		n *= in[i]
	}
	for i, p := range o.Perm.Shape() {
		steps[i] = own[p]
	}
	return steps
}

// Ref implements ir.Spec.
func (o TransposeOp) Ref(in []ir.Tensor, out ir.Tensor) {
	st := o.Steps(in[0].Shape)
	for i := range out.Data {
		out.Data[i] = in[0].Data[Index(i, out.Shape, st)]
	}
}

// Cheap implements ir.Cheap.
func (o TransposeOp) Cheap() {}

// Integers implements ir.Integers.
func (o TransposeOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o TransposeOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o TransposeOp) Grad(g Grad) []*Node {
	back := make([]int, o.Perm.N)
	for i, p := range o.Perm.Shape() {
		back[p] = i
	}
	return []*Node{Transpose(g.Dy, back...)}
}

// SliceOp is the part From..To of an axis.
type SliceOp struct{ Axis, From, To int }

// LeadingSlice is a SliceOp of the first axis: a view.
type LeadingSlice struct{ SliceOp }

// At is part k of an axis of x, without this axis.
func At(x *Node, ax, k int) *Node {
	s := ShapeOf(x)
	ax = axis(s, ax)
	return Reshape(Slice(x, ax, k, k+1), slices.Concat(s[:ax], s[ax+1:])...)
}

// Slice is the part from..to (not with to) of an axis of x.
func Slice(x *Node, ax, from, to int) *Node {
	s := ShapeOf(x)
	o := SliceOp{axis(s, ax), from, to}
	if from == 0 && to == s[o.Axis] {
		return x
	}
	if o.Axis == 0 {
		return Apply(LeadingSlice{o}, x)
	}
	return Apply(o, x)
}

// Row is part i of the first axis of x [R,...] -> [...].
func Row(x *Node, i int) *Node {
	return Reshape(Slice(x, 0, i, i+1), ShapeOf(x)[1:]...)
}

// Name implements ir.Spec.
func (o SliceOp) Name() string { return "slice" }

// Infer implements ir.Spec.
func (o SliceOp) Infer(in []ir.Type) (ir.Type, error) {
	if n := in[0].Shape[o.Axis]; o.From < 0 || o.To <= o.From || o.To > n {
		return ir.Type{}, fmt.Errorf("%d to %d is no part of axis %d of size %d", o.From, o.To, o.Axis, n)
	}
	s := slices.Clone(in[0].Shape)
	s[o.Axis] = o.To - o.From
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// View implements ir.Viewer.
func (o LeadingSlice) View(in []ir.Type) int { return o.From * in[0].Shape[1:].Size() }

// blocks cuts a shape at an axis: outer parts, each of size elements of inner each.
func blocks(s ir.Shape, axis int) (outer, size, inner int) {
	return s[:axis].Size(), s[axis], s[axis+1:].Size()
}

// Ref implements ir.Spec.
func (o SliceOp) Ref(in []ir.Tensor, out ir.Tensor) {
	outer, n, inner := blocks(in[0].Shape, o.Axis)
	m := o.To - o.From
	for i := range outer {
		copy(out.Data[i*m*inner:(i+1)*m*inner], in[0].Data[(i*n+o.From)*inner:])
	}
}

// Cheap implements ir.Cheap.
func (o SliceOp) Cheap() {}

// Integers implements ir.Integers.
func (o SliceOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o SliceOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o SliceOp) Grad(g Grad) []*Node {
	n := ShapeOf(g.In[0])[o.Axis]
	return []*Node{Apply(PadOp{Axis: o.Axis, Before: o.From, After: n - o.To}, g.Dy)}
}

// PadOp puts zeros before and after an axis: the gradient of a slice.
type PadOp struct{ Axis, Before, After int }

// Pad puts zeros before and after an axis of x.
func Pad(x *Node, ax, before, after int) *Node {
	return Apply(PadOp{axis(ShapeOf(x), ax), before, after}, x)
}

// Name implements ir.Spec.
func (o PadOp) Name() string { return "pad" }

// Infer implements ir.Spec.
func (o PadOp) Infer(in []ir.Type) (ir.Type, error) {
	if o.Before < 0 || o.After < 0 {
		return ir.Type{}, fmt.Errorf("cannot pad by %d and %d", o.Before, o.After)
	}
	s := slices.Clone(in[0].Shape)
	s[o.Axis] += o.Before + o.After
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o PadOp) Ref(in []ir.Tensor, out ir.Tensor) {
	outer, n, inner := blocks(in[0].Shape, o.Axis)
	m := o.Before + n + o.After
	for i := range outer {
		copy(out.Data[(i*m+o.Before)*inner:], in[0].Data[i*n*inner:(i+1)*n*inner])
	}
}

// Cheap implements ir.Cheap.
func (o PadOp) Cheap() {}

// Integers implements ir.Integers.
func (o PadOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o PadOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o PadOp) Grad(g Grad) []*Node {
	n := ShapeOf(g.In[0])[o.Axis]
	return []*Node{Slice(g.Dy, o.Axis, o.Before, o.Before+n)}
}

// ConcatOp joins values along an axis.
type ConcatOp struct{ Axis int }

// Concat joins values along an axis; all other axes agree.
func Concat(ax int, xs ...*Node) *Node {
	if len(xs) == 1 {
		return xs[0]
	}
	return Apply(ConcatOp{axis(ShapeOf(xs[0]), ax)}, xs...)
}

// Name implements ir.Spec.
func (o ConcatOp) Name() string { return "concat" }

// Infer implements ir.Spec.
func (o ConcatOp) Infer(in []ir.Type) (ir.Type, error) {
	s := slices.Clone(in[0].Shape)
	for i, t := range in[1:] {
		want := slices.Clone(in[0].Shape)
		if len(t.Shape) == len(want) {
			want[o.Axis] = t.Shape[o.Axis]
		}
		if !want.Equal(t.Shape) || t.DType != in[0].DType {
			return ir.Type{}, fmt.Errorf("operand %d is %v; but for axis %d it must be %v", i+1, t, o.Axis, in[0])
		}
		s[o.Axis] += t.Shape[o.Axis]
	}
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ConcatOp) Ref(in []ir.Tensor, out ir.Tensor) {
	outer, m, inner := blocks(out.Shape, o.Axis)
	at := 0
	for _, x := range in {
		n := x.Shape[o.Axis]
		for i := range outer {
			copy(out.Data[(i*m+at)*inner:], x.Data[i*n*inner:(i+1)*n*inner])
		}
		at += n
	}
}

// Cheap implements ir.Cheap.
func (o ConcatOp) Cheap() {}

// Integers implements ir.Integers.
func (o ConcatOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o ConcatOp) Active(n int) []bool { return active(n, n) }

// Grad implements Differentiable.
func (o ConcatOp) Grad(g Grad) []*Node {
	gs := make([]*Node, len(g.In))
	at := 0
	for i, x := range g.In {
		n := ShapeOf(x)[o.Axis]
		if g.Need[i] {
			gs[i] = Slice(g.Dy, o.Axis, at, at+n)
		}
		at += n
	}
	return gs
}

// GatherOp picks rows of a table.
type GatherOp struct{}

// Gather is row ids[i] of table [K,D] for every i: ids [N] int32 -> [N,D]. Of a table [K] it is [N].
func Gather(table, ids *Node) *Node { return Apply(GatherOp{}, table, ids) }

// Name implements ir.Spec.
func (o GatherOp) Name() string { return "gather" }

// Infer implements ir.Spec.
func (o GatherOp) Infer(in []ir.Type) (ir.Type, error) {
	table := in[0].Shape
	if len(table) != 1 && len(table) != 2 || in[1].DType != ir.I32 || len(in[1].Shape) != 1 {
		return ir.Type{}, fmt.Errorf("want a table [K,D] or [K] and int32 ids [N]")
	}
	return ir.Type{Shape: append(slices.Clone(in[1].Shape), table[1:]...), DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o GatherOp) Ref(in []ir.Tensor, out ir.Tensor) {
	d := in[0].Shape[1:].Size()
	for i, id := range in[1].Data {
		copy(out.Data[i*d:(i+1)*d], in[0].Data[int(id)*d:][:d])
	}
}

// Integers implements ir.Integers.
func (o GatherOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o GatherOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o GatherOp) Grad(g Grad) []*Node {
	return []*Node{Apply(ScatterAdd{Rows: ShapeOf(g.In[0])[0]}, g.Dy, g.In[1]), nil}
}

// ScatterAdd adds row i of x [N,D] or [N] to row ids[i] of zeros [Rows,D] or [Rows]: the gradient of Gather.
type ScatterAdd struct{ Rows int }

// Name implements ir.Spec.
func (o ScatterAdd) Name() string { return "scatter_add" }

// Infer implements ir.Spec.
func (o ScatterAdd) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: append(ir.Shape{o.Rows}, in[0].Shape[1:]...), DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ScatterAdd) Ref(in []ir.Tensor, out ir.Tensor) {
	d := in[0].Shape[1:].Size()
	for i, id := range in[1].Data {
		for j := range d {
			out.Data[int(id)*d+j] += in[0].Data[i*d+j]
		}
	}
}

// Integers implements ir.Integers.
func (o ScatterAdd) Integers(operand int) bool { return operand == 1 }
