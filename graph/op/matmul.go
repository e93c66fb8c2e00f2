package op

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
)

// MatMulOp is the product op(a) op(b) of the last two axes, for every index of the leading axes, which must agree.
type MatMulOp struct {
	TransA, TransB bool
	Bias           bool   // adds a third operand [N] to every row; the compiler sets it
	Relu           bool   // then max(y, 0); the compiler sets it
	Slope          string // then times the derivative of this Unary at a third operand [...,M,N]; the compiler sets it
	Plus           bool   // then plus a third operand [...,M,N]; the compiler sets it
	Rounded        bool   // then rounded to bfloat16; the compiler sets it
	BF16           bool   // rounds a and b to bfloat16 first, in the gradients too
}

// MatMul is op(a) op(b): a [...,M,K] (or [...,K,M] transposed), b [...,K,N] (or [...,N,K]) -> [...,M,N].
func MatMul(a, b *Node, transA, transB bool) *Node {
	return Apply(MatMulOp{TransA: transA, TransB: transB}, a, b)
}

// Name implements ir.Spec.
func (o MatMulOp) Name() string { return "matmul" }

// Dims are the sizes of the product: batch times [m,k]x[k,n].
func (o MatMulOp) Dims(a, b ir.Shape) (batch, m, n, k int) {
	r := len(a)
	m, k, n = a[r-2], a[r-1], b[r-1]
	if o.TransA {
		m, k = k, m
	}
	if o.TransB {
		n = b[r-2]
	}
	return a[:r-2].Size(), m, n, k
}

// Infer implements ir.Spec.
func (o MatMulOp) Infer(in []ir.Type) (ir.Type, error) {
	a, b := in[0].Shape, in[1].Shape
	r := len(a)
	if r < 2 || len(b) != r || !a[:r-2].Equal(b[:r-2]) {
		return ir.Type{}, fmt.Errorf("want two matrices, or two stacks of them with equal leading axes")
	}
	_, m, n, k := o.Dims(a, b)
	kb := b[r-2]
	if o.TransB {
		kb = b[r-1]
	}
	if k != kb {
		return ir.Type{}, fmt.Errorf("inner sizes %d and %d differ", k, kb)
	}
	s := append(append(ir.Shape(nil), a[:r-2]...), m, n)
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o MatMulOp) Ref(in []ir.Tensor, out ir.Tensor) {
	in = rounded(o.BF16, in, 2)
	batch, m, n, k := o.Dims(in[0].Shape, in[1].Shape)
	ai, ak := k, 1
	if o.TransA {
		ai, ak = 1, m
	}
	bk, bj := n, 1
	if o.TransB {
		bk, bj = 1, k
	}
	for s := range batch {
		a, b, y := in[0].Data[s*m*k:], in[1].Data[s*k*n:], out.Data[s*m*n:]
		for i := range m {
			for j := range n {
				var sum float64
				for l := range k {
					sum += a[i*ai+l*ak] * b[l*bk+j*bj]
				}
				if o.Bias {
					sum += in[2].Data[j]
				}
				if o.Relu {
					sum = max(sum, 0)
				}
				if o.Slope != "" {
					x := in[2].Data[(s*m+i)*n+j]
					sum *= Unaries[o.Slope].D(x, x)
				}
				if o.Plus {
					sum += in[2].Data[(s*m+i)*n+j]
				}
				y[i*n+j] = sum
			}
		}
	}
	if o.Rounded {
		RoundOp{}.Ref([]ir.Tensor{out}, out)
	}
}

// Rounds implements ir.Rounder.
func (o MatMulOp) Rounds(operand int) bool { return rounds(operand, o.BF16, o.Rounded) }

// FLOPs implements ir.Coster.
func (o MatMulOp) FLOPs(in []ir.Type, out ir.Type) int64 {
	batch, m, n, k := o.Dims(in[0].Shape, in[1].Shape)
	return 2 * int64(batch) * int64(m) * int64(n) * int64(k)
}

// Fuse implements ir.Fuser: a row added to the product, and then ReLU; or the gradient of a function of x, such as
// GELU, from x; or a sum with another value, as of the gradients of weights that two branches share; and then rounding.
func (o MatMulOp) Fuse(next ir.Spec, at int, in []ir.Type) (ir.Spec, bool) {
	if _, ok := next.(RoundOp); ok && !o.Rounded {
		o.Rounded = true
		return o, true
	}
	if o.Slope != "" || o.Plus || o.Rounded {
		return nil, false
	}
	switch f := next.(type) {
	case AddN:
		if len(in) == 2 && in[0].Shape.Equal(in[1].Shape) && !o.Bias && !o.Relu {
			o.Plus = true
			return o, true
		}
	case UnaryGrad:
		if at == 0 && !o.Bias && !o.Relu && !Unaries[f.Fn].FromY {
			o.Slope = f.Fn
			return o, true
		}
	case Binary:
		if f.Fn == "add" && !f.Relu && at == 0 && !o.Bias && !o.Relu && len(in[1].Shape) == 1 &&
			in[1].Shape[0] == in[0].Shape.Last() {
			o.Bias = true
			return o, true
		}
	case Unary:
		if f.Fn == "relu" && !o.Relu {
			o.Relu = true
			return o, true
		}
	}
	return nil, false
}

// Active implements Differentiable.
func (o MatMulOp) Active(n int) []bool { return active(2, n) }

// Grad implements Differentiable.
func (o MatMulOp) Grad(g Grad) []*Node {
	a, b, dy := g.In[0], g.In[1], g.Dy
	gs := make([]*Node, 2)
	product := func(a, b *Node, transA, transB bool) *Node {
		return Apply(MatMulOp{TransA: transA, TransB: transB, BF16: o.BF16}, a, b)
	}
	if g.Need[0] {
		if o.TransA {
			gs[0] = product(b, dy, o.TransB, true)
		} else {
			gs[0] = product(dy, b, false, !o.TransB)
		}
	}
	if g.Need[1] {
		if o.TransB {
			gs[1] = product(dy, a, true, o.TransA)
		} else {
			gs[1] = product(a, dy, !o.TransA, false)
		}
	}
	return gs
}

// rounded is the operands of a product as it reads them: with on, the first n are copies in bfloat16.
func rounded(on bool, in []ir.Tensor, n int) []ir.Tensor {
	if !on {
		return in
	}
	in = slices.Clone(in)
	for i := range n {
		in[i] = ir.BF16Tensor(in[i])
	}
	return in
}
