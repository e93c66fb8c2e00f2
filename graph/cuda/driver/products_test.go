//go:build gpu && cgo

package driver_test

import (
	"fmt"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// two is a case of an operation of two operands, with its operands rounded to bfloat16 or not.
func two(name string, bf16 bool, a, b ir.Shape, f func(a, b *op.Node) *op.Node) optest.Case {
	if bf16 {
		name += "/bf16"
	}
	return optest.Case{Name: fmt.Sprint(name, "/", a, b), In: []optest.Input{values(a...), values(b...)},
		Build: func(in nodes) *op.Node { return f(in[0], in[1]) }}
}

// productCases are products of several tiles with rests on every side, ones that are split along k, and ones in
// bfloat16 whose operands are rounded beforehand.
func productCases(bf16 bool) (cs []optest.Case) {
	for _, s := range []struct {
		batch, m, n, k int
		transA, transB bool
	}{
		{1, 130, 140, 300, false, false}, {1, 140, 130, 300, true, false}, {1, 132, 140, 300, false, true},
		{1, 70, 199, 260, true, true}, {3, 65, 66, 131, false, true}, {1, 4, 8, 3001, false, false},
		{1, 17, 9, 2049, true, false},
	} {
		a, b := ir.Shape{s.m, s.k}, ir.Shape{s.k, s.n}
		if s.transA {
			a = ir.Shape{s.k, s.m}
		}
		if s.transB {
			b = ir.Shape{s.n, s.k}
		}
		if s.batch > 1 {
			a, b = append(ir.Shape{s.batch}, a...), append(ir.Shape{s.batch}, b...)
		}
		cs = append(cs, two("matmul", bf16, a, b, func(a, b *op.Node) *op.Node {
			return op.Apply(op.MatMulOp{TransA: s.transA, TransB: s.transB, BF16: bf16}, a, b)
		}))
	}
	return cs
}

// imageCases are convolutions of several tiles: windows whose channels come in vectors and not, strides whose phases
// differ, taps that no pixel of a phase sees, groups, and the norm of images.
func imageCases(bf16 bool) (cs []optest.Case) {
	for _, s := range []struct {
		x, w ir.Shape
		c    op.Conv
	}{
		{ir.Shape{3, 9, 8, 64}, ir.Shape{3, 3, 64, 72}, op.Conv{Pad: [2]int{1, 1}}},
		{ir.Shape{2, 13, 15, 40}, ir.Shape{3, 3, 40, 72}, op.Conv{Pad: [2]int{1, 1}, Stride: [2]int{2, 2}}},
		{ir.Shape{2, 11, 9, 20}, ir.Shape{1, 1, 20, 36}, op.Conv{Stride: [2]int{2, 2}}},
		{ir.Shape{1, 20, 21, 3}, ir.Shape{7, 7, 3, 66}, op.Conv{Pad: [2]int{3, 3}, Stride: [2]int{2, 2}}},
		{ir.Shape{1, 16, 16, 12}, ir.Shape{3, 3, 4, 24}, op.Conv{Stride: [2]int{4, 2}, Dilation: [2]int{2, 4},
			Pad: [2]int{2, 4}, Groups: 3}},
		{ir.Shape{2, 12, 9, 68}, ir.Shape{3, 3, 1, 68}, op.Conv{Pad: [2]int{1, 1}, Groups: 68}},
		{ir.Shape{2, 9, 10, 6}, ir.Shape{5, 5, 1, 18}, op.Conv{Pad: [2]int{2, 2}, Groups: 6, Stride: [2]int{2, 1}}},
	} {
		s.c.BF16 = bf16
		conv := func(x, w *op.Node) *op.Node { return op.Conv2D(x, w, s.c) }
		cs = append(cs, two("conv2d", bf16, s.x, s.w, conv))
		if !bf16 { // a value that float32 puts on the other side of a rounding step moves by 1/256
			c := two("conv2d of norm", bf16, s.x, s.w, func(x, w *op.Node) *op.Node {
				return conv(op.Relu(op.BatchNorm(x, op.BatchStats(x), op.BN{Eps: 1e-3})), w)
			})
			c.Tol = 3e-5
			cs = append(cs, c)
		}
	}
	return cs
}

// headCases are heads of every width that has kernels, with rests of rows and of elements.
func headCases(bf16 bool) (cs []optest.Case) {
	for _, s := range []ir.Shape{{1, 130, 3, 2, 64}, {1, 66, 3, 1, 100}, {1, 65, 3, 1, 128}, {2, 17, 3, 3, 7},
		{1, 70, 3, 1, 32}} {
		c := one("attention", values(s...), func(x *op.Node) *op.Node {
			return op.Apply(op.AttentionOp{Scale: 0.2, BF16: bf16}, x)
		})
		if bf16 {
			c.Name, c.Tol = c.Name+"/bf16", 5e-3
		}
		cs = append(cs, c)
	}
	for _, m := range []struct {
		o      op.AttentionOp
		x      ir.Shape
		biases []ir.Shape
	}{
		{op.AttentionOp{Causal: true}, ir.Shape{1, 130, 3, 2, 64}, nil},
		{op.AttentionOp{Learned: true}, ir.Shape{4, 67, 3, 2, 32}, []ir.Shape{{2, 2, 67, 67}}},
		{op.AttentionOp{}, ir.Shape{2, 66, 3, 2, 100}, []ir.Shape{{2, 1, 1, 66}, {1, 2, 66, 66}}},
		{op.AttentionOp{Causal: true, Learned: true}, ir.Shape{3, 35, 3, 1, 128}, []ir.Shape{{3, 1, 1, 35},
			{1, 1, 35, 35}}},
	} {
		m.o.Scale, m.o.BF16 = 0.2, bf16
		c := optest.Case{Name: "attention with biases", In: []optest.Input{values(m.x...)},
			Build: func(in nodes) *op.Node { return op.Apply(m.o, in...) }}
		for i, s := range m.biases {
			c.In = append(c.In, values(s...))
			if !m.o.Learned || i < len(m.biases)-1 {
				c.Inactive = append(c.Inactive, i+1)
			}
		}
		if bf16 {
			c.Name, c.Tol = c.Name+"/bf16", 5e-3
		}
		cs = append(cs, c)
	}
	return cs
}

func TestProducts(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		agree(t, productCases(bf16))
		agree(t, imageCases(bf16))
		agree(t, headCases(bf16))
	}
}

// Products in tf32 are off by as much as operands of 10 bits of mantissa are.
func TestTF32(t *testing.T) {
	b := open(t)
	if b.Driver.About().Major < 8 {
		t.Skip("tf32 is for devices from capability 8.0 on")
	}
	b.TF32 = true
	cases := append(append(productCases(false), imageCases(false)...), headCases(false)...)
	for i := range cases {
		cases[i].Tol = 4e-3
	}
	agreeOn(t, b, cases)
}
