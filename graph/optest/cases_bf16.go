package optest

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// bf16Cases are the operations that round their operands to bfloat16, each beside itself without rounding.
func bf16Cases() (cs []Case) {
	add := func(name string, tol float64, in []Input, build func(bf16 bool) func(in nodes) *op.Node) {
		cs = append(cs, Case{Name: name + "/bf16", In: in, Tol: tol, Build: build(true), Exact: build(false)})
	}
	for _, s := range []struct {
		name string
		o    op.MatMulOp
		a, b ir.Shape
	}{
		{"matmul", op.MatMulOp{}, ir.Shape{5, 7}, ir.Shape{7, 3}},
		{"matmul/large", op.MatMulOp{}, ir.Shape{65, 130}, ir.Shape{130, 67}},
		{"matmul/transposed", op.MatMulOp{TransA: true, TransB: true}, ir.Shape{33, 17}, ir.Shape{31, 33}},
		{"matmul/deep", op.MatMulOp{TransA: true}, ir.Shape{600, 40}, ir.Shape{600, 36}},
		{"matmul/stack", op.MatMulOp{TransB: true}, ir.Shape{3, 9, 20}, ir.Shape{3, 11, 20}},
	} {
		add(s.name, 0, []Input{normal(s.a...), normal(s.b...)}, func(bf16 bool) func(in nodes) *op.Node {
			o := s.o
			o.BF16 = bf16
			return two(func(a, b *op.Node) *op.Node { return op.Apply(o, a, b) })
		})
	}
	for _, s := range convShapes {
		add("conv2d/"+s.name, 0, []Input{normal(s.x...), normal(s.w...)}, func(bf16 bool) func(in nodes) *op.Node {
			o := s.c
			o.BF16 = bf16
			return two(func(x, w *op.Node) *op.Node { return op.Conv2D(x, w, o) })
		})
	}
	add("conv_transpose2d", 0, []Input{normal(2, 4, 5, 6), normal(4, 4, 3, 6)},
		func(bf16 bool) func(in nodes) *op.Node {
			o := op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{1, 1}, BF16: bf16}
			return two(func(x, w *op.Node) *op.Node { return op.ConvTranspose2D(x, w, o, [2]int{}) })
		})
	// What is stored rounded, squared so that the gradient shows it. A value that float32 puts on the other side of a
	// rounding step moves by 1/256.
	stored := func(bf16 bool, x *op.Node) *op.Node {
		if bf16 {
			return op.Round(x)
		}
		return x
	}
	add("round", 0, []Input{normal(5, 70)}, func(bf16 bool) func(in nodes) *op.Node {
		return one(func(x *op.Node) *op.Node { return op.Square(stored(bf16, x)) })
	})
	add("matmul/stored", 2e-2, []Input{normal(40, 33), normal(33, 50), normal(50)},
		func(bf16 bool) func(in nodes) *op.Node {
			return func(in nodes) *op.Node {
				y := op.Add(op.Apply(op.MatMulOp{BF16: bf16}, in[0], in[1]), in[2])
				if bf16 {
					y = op.RoundBoth(y)
				}
				return op.Apply(op.MatMulOp{BF16: bf16}, op.Gelu(y), op.Transpose(in[1], 1, 0))
			}
		})
	add("conv2d/stored", 2e-2, []Input{normal(3, 9, 8, 24), normal(3, 3, 24, 17)},
		func(bf16 bool) func(in nodes) *op.Node {
			c := op.Conv{Pad: [2]int{1, 1}, BF16: bf16}
			return two(func(x, w *op.Node) *op.Node { return op.Square(stored(bf16, op.Conv2D(x, w, c))) })
		})
	// A residual block whose every value between is kept in bfloat16.
	add("residual", 3e-2, []Input{normal(3, 6, 5, 16), normal(3, 3, 16, 16), around(1, 16), normal(16)},
		func(bf16 bool) func(in nodes) *op.Node {
			c := op.Conv{Pad: [2]int{1, 1}, BF16: bf16}
			return func(in nodes) *op.Node {
				norm := func(h *op.Node) *op.Node {
					return op.BatchNorm(h, op.BatchStats(h), op.BN{Eps: 1e-5}, in[2], in[3])
				}
				x := stored(bf16, op.Conv2D(in[0], in[1], c))
				return op.Square(op.Relu(stored(bf16, op.Add(norm(x), in[0]))))
			}
		})
	for _, s := range []struct {
		name string
		x    ir.Shape
	}{
		{"attention", ir.Shape{2, 5, 3, 2, 4}},
		{"attention/large", ir.Shape{2, 37, 3, 3, 32}},
	} {
		// A weight that float32 puts on the other side of a rounding step moves by 1/256.
		add(s.name, 5e-3, []Input{normal(s.x...)}, func(bf16 bool) func(in nodes) *op.Node {
			return one(func(x *op.Node) *op.Node { return op.Apply(op.AttentionOp{Scale: 0.25, BF16: bf16}, x) })
		})
	}
	return cs
}
