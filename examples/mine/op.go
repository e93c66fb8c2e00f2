package main

import (
	"math"

	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// softsign is x / (1 + |x|), an operation of this module with a kernel of its own.
type softsign struct{}

// Softsign is x / (1 + |x|), element by element.
func Softsign(x *op.Node) *op.Node { return op.Apply(softsign{}, x) }

func (softsign) Name() string                        { return "softsign" }
func (softsign) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }
func (softsign) Active(n int) []bool                 { return []bool{true} }
func (softsign) ScratchCPU([]ir.Type, ir.Type) int   { return 0 }
func (softsign) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, v := range in[0].Data {
		out.Data[i] = v / (1 + math.Abs(v))
	}
}

// Grad is dy / (1+|x|)^2, which is dy * (1 - |y|)^2 of the result y.
func (softsign) Grad(g op.Grad) []*op.Node {
	return []*op.Node{op.Mul(g.Dy, op.Square(op.Affine(op.Abs(g.Out), -1, 1)))}
}

// BindCPU implements cpu.Kernel.
func (softsign) BindCPU(c cpu.Call) func() {
	const block = 16 << 10 // elements of a task
	x, y := c.In[0].F32, c.Out.F32
	return cpu.Sweep(len(y), block, func(from, to int) {
		for i := from; i < to; i++ {
			y[i] = x[i] / (1 + float32(math.Abs(float64(x[i]))))
		}
	})
}
