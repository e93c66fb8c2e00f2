package cpu

import "selfsup/graph/ir"

// Kernel is a Spec that brings its own kernel for the processor, as an operation of another module does. Nothing
// registers it: the backend finds it on the operation. A Spec that is an ir.Coster too has its FLOPs in listings and
// benchmarks.
type Kernel interface {
	ir.Spec
	// ScratchCPU is the number of float32s of working memory that the kernel wants, by types alone.
	ScratchCPU(in []ir.Type, out ir.Type) int
	// BindCPU returns the function that fills c.Out in every step. What it needs it allocates here, not while it runs.
	// Its result must not depend on the number of threads, see Sweep. It may panic where it cannot use a value, which
	// ends the step with an error.
	BindCPU(c Call) func()
}

// Call is the memory of one operation. It stays the same for the life of the program.
type Call struct {
	In      []ir.Array // operands in float32 or int32
	Out     ir.Array   // result, which holds anything before the step
	Scratch []float32  // of the size asked for, which other operations use too
}

// Sweep returns the function that covers 0 to n-1 with calls of f(from, to), size elements each but for the last, at
// the same time on the threads of this package. The cut depends on n and size alone, so sums within one call of f are
// the same bits on any number of threads.
func Sweep(n, size int, f func(from, to int)) func() { return sweep(n, size, f) }

// ownKernel is a Spec's own kernel as this package runs it.
func ownKernel(s Kernel) kernel {
	return kernel{
		scratch: func(c *call) int { return s.ScratchCPU(c.in, c.out) },
		bind: func(c *call) func() {
			k := Call{Out: array(c.out, c.y, c.yi), Scratch: c.take(s.ScratchCPU(c.in, c.out))}
			for i, t := range c.in {
				k.In = append(k.In, array(t, c.x[i], c.xi[i]))
			}
			return s.BindCPU(k)
		},
	}
}

func array(t ir.Type, f []float32, i []int32) ir.Array { return ir.Array{Type: t, F32: f, I32: i} }

// scratchReference is room for all operands and the result in float64.
func scratchReference(c *call) int {
	n := c.out.Shape.Size()
	for _, t := range c.in {
		n += t.Shape.Size()
	}
	return 2 * n
}

// bindReference runs an operation by its Ref.
func bindReference(c *call) func() {
	tensor := func(t ir.Type) ir.Tensor {
		n := t.Shape.Size()
		return ir.Tensor{Shape: t.Shape, Data: doubles(c.take(2*n), n)}
	}
	x, in := make([]ir.Tensor, len(c.in)), make([]ir.Array, len(c.in))
	for i, t := range c.in {
		x[i], in[i] = tensor(t), array(t, c.x[i], c.xi[i])
	}
	y, out := tensor(c.out), array(c.out, c.y, c.yi)
	return func() {
		for i, a := range in {
			for k := range x[i].Data {
				x[i].Data[k] = a.At(k)
			}
		}
		clear(y.Data)
		c.spec.Ref(x, y)
		for k, v := range y.Data {
			out.Set(k, v)
		}
	}
}
