package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// AttentionOp is scaled dot-product attention of every head.
type AttentionOp struct {
	Scale float64
	// BF16 rounds every operand of the products to bfloat16 first: q, k, v, the gradient that comes in, and the weights
	// and their gradient as they are multiplied. The softmax and its gradient are not rounded.
	BF16 bool
}

// Attention is softmax(scale q k') v for every image and head, from q, k and v packed as [B,T,3,heads,D] ->
// [B,T,heads*D]. The weights [T,T] of a head are made, used and forgotten; the gradient makes them again.
//
// Vaswani et al. 2017, arXiv:1706.03762, eq. 1, where scale is 1/sqrt(D).
func Attention(qkv *Node, scale float64) *Node { return Apply(AttentionOp{Scale: scale}, qkv) }

// Name implements ir.Spec.
func (o AttentionOp) Name() string { return "attention" }

// Infer implements ir.Spec.
func (o AttentionOp) Infer(in []ir.Type) (ir.Type, error) {
	s := in[0].Shape
	if len(s) != 5 || s[2] != 3 {
		return ir.Type{}, fmt.Errorf("want queries, keys and values [B,T,3,heads,D]")
	}
	return ir.Type{Shape: ir.Shape{s[0], s[1], s[3] * s[4]}, DType: in[0].DType}, nil
}

// FLOPs implements ir.Coster.
func (o AttentionOp) FLOPs(in []ir.Type, _ ir.Type) int64 { return 2 * headFLOPs(in[0].Shape) }

// headFLOPs is the cost of one product of all heads, [T,D] x [D,T] or [T,T] x [T,D].
func headFLOPs(qkv ir.Shape) int64 {
	return 2 * int64(qkv[0]*qkv[3]) * int64(qkv[1]) * int64(qkv[1]) * int64(qkv[4])
}

// head is one head of one image in packed queries, keys and values: row t of q is data[q+t*step:][:d].
type head struct{ q, k, v, step, y, stepY, t, d int }

// heads calls f for every head of every image.
func heads(s ir.Shape, f func(h head)) {
	b, t, n, d := s[0], s[1], s[3], s[4]
	for i := range b * n {
		image, k := i/n, i%n
		at := image*t*3*n*d + k*d
		f(head{q: at, k: at + n*d, v: at + 2*n*d, step: 3 * n * d, y: image*t*n*d + k*d, stepY: n * d, t: t, d: d})
	}
}

// weights is row i of the softmax of a head.
func (o AttentionOp) weights(h head, x []float64, i int) []float64 {
	w := make([]float64, h.t)
	for j := range w {
		for l := range h.d {
			w[j] += o.Scale * x[h.q+i*h.step+l] * x[h.k+j*h.step+l]
		}
	}
	all := logSumExp(w)
	for j := range w {
		w[j] = math.Exp(w[j] - all)
	}
	return w
}

// Ref implements ir.Spec.
func (o AttentionOp) Ref(in []ir.Tensor, out ir.Tensor) {
	x := rounded(o.BF16, in, 1)[0].Data
	heads(in[0].Shape, func(h head) {
		for i := range h.t {
			for j, w := range o.weights(h, x, i) {
				w = o.round(w)
				for l := range h.d {
					out.Data[h.y+i*h.stepY+l] += w * x[h.v+j*h.step+l]
				}
			}
		}
	})
}

// Rounds implements ir.Rounder.
func (o AttentionOp) Rounds(operand int) bool { return rounds(operand, o.BF16, false) }

func (o AttentionOp) round(v float64) float64 {
	if o.BF16 {
		return ir.BF16Of(v)
	}
	return v
}

// Active implements Differentiable.
func (o AttentionOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o AttentionOp) Grad(g Grad) []*Node { return []*Node{Apply(AttentionGrad(o), g.Dy, g.In[0])} }

// AttentionGrad is the gradient of Attention by its operand, from dy [B,T,heads*D] and qkv [B,T,3,heads,D].
type AttentionGrad AttentionOp

// Name implements ir.Spec.
func (o AttentionGrad) Name() string { return "attention_grad" }

// Infer implements ir.Spec.
func (o AttentionGrad) Infer(in []ir.Type) (ir.Type, error) { return in[1], nil }

// FLOPs implements ir.Coster.
func (o AttentionGrad) FLOPs(in []ir.Type, _ ir.Type) int64 { return 5 * headFLOPs(in[1].Shape) }

// Ref implements ir.Spec.
func (o AttentionGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	in = rounded(o.BF16, in, 2)
	dy, x, dx := in[0].Data, in[1].Data, out.Data
	round := AttentionOp(o).round
	heads(in[1].Shape, func(h head) {
		dw := make([]float64, h.t) // gradient by a row of weights
		for i := range h.t {
			w := AttentionOp(o).weights(h, x, i)
			var mean float64
			for j := range w {
				dw[j] = 0
				for l := range h.d {
					d := dy[h.y+i*h.stepY+l]
					dw[j] += d * x[h.v+j*h.step+l]
					dx[h.v+j*h.step+l] += round(w[j]) * d
				}
				mean += w[j] * dw[j]
			}
			for j := range w {
				ds := round(o.Scale * w[j] * (dw[j] - mean))
				for l := range h.d {
					dx[h.q+i*h.step+l] += ds * x[h.k+j*h.step+l]
					dx[h.k+j*h.step+l] += ds * x[h.q+i*h.step+l]
				}
			}
		}
	})
}

// Rounds implements ir.Rounder.
func (o AttentionGrad) Rounds(operand int) bool { return rounds(operand, o.BF16, false) }
