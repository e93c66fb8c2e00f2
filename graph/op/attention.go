package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// AttentionOp is scaled dot-product attention of every head, with up to two biases that are added to the scaled scores.
type AttentionOp struct {
	Scale float64
	// BF16 rounds every operand of the products to bfloat16 first: q, k, v, the gradient that comes in, and the weights
	// and their gradient as they are multiplied. The softmax and its gradient are not rounded.
	BF16    bool
	Causal  bool // query t attends to keys 0 to t
	Learned bool // the last bias has a gradient: one of every head, query and key
}

// Attention is softmax(scale q k' + biases) v for every image and head, from q, k and v packed as [B,T,3,heads,D] ->
// [B,T,heads*D]. The weights [T,T] of a head are made, used and forgotten; the gradient makes them again. A bias is
// [G,heads or 1,T or 1,T], G a divisor of B: image b has bias b mod G.
//
// Vaswani et al. 2017, arXiv:1706.03762, eq. 1, where scale is 1/sqrt(D).
func Attention(qkv *Node, scale float64, biases ...*Node) *Node {
	return Apply(AttentionOp{Scale: scale}, append([]*Node{qkv}, biases...)...)
}

// Name implements ir.Spec.
func (o AttentionOp) Name() string { return "attention" }

// mostBiases is how many biases attention has at most.
const mostBiases = 2

// Infer implements ir.Spec.
func (o AttentionOp) Infer(in []ir.Type) (ir.Type, error) {
	s := in[0].Shape
	if len(s) != 5 || s[2] != 3 {
		return ir.Type{}, fmt.Errorf("want queries, keys and values [B,T,3,heads,D]")
	}
	biases := in[1:]
	if len(biases) > mostBiases || o.Learned && len(biases) == 0 {
		return ir.Type{}, fmt.Errorf("%d biases, want at most %d, and a learned one to be there", len(biases),
			mostBiases)
	}
	for i, b := range biases {
		learned := o.Learned && i == len(biases)-1
		one := func(n, all int) bool { return n == all || n == 1 && !learned }
		if len(b.Shape) != 4 || s[0]%b.Shape[0] != 0 || !one(b.Shape[1], s[3]) || !one(b.Shape[2], s[1]) ||
			b.Shape[3] != s[1] {
			return ir.Type{}, fmt.Errorf("bias %v, want [G,%d,%d,%d], G a divisor of %d; without a gradient there may "+
				"be one for all heads and queries", b, s[3], s[1], s[1], s[0])
		}
	}
	return ir.Type{Shape: ir.Shape{s[0], s[1], s[3] * s[4]}, DType: in[0].DType}, nil
}

// FLOPs implements ir.Coster.
func (o AttentionOp) FLOPs(in []ir.Type, _ ir.Type) int64 { return 2 * o.headFLOPs(in[0].Shape) }

// headFLOPs is the cost of one product of all heads, [T,D] x [D,T] or [T,T] x [T,D]; half of its weights are none
// where it is causal.
func (o AttentionOp) headFLOPs(qkv ir.Shape) int64 {
	weights := int64(qkv[1]) * int64(qkv[1])
	if o.Causal {
		weights = int64(qkv[1]) * int64(qkv[1]+1) / 2
	}
	return 2 * int64(qkv[0]*qkv[3]) * weights * int64(qkv[4])
}

// head is one head of one image in packed queries, keys and values: row t of q is data[q+t*step:][:d].
type head struct{ image, number, q, k, v, step, y, stepY, t, d int }

// heads calls f for every head of every image.
func heads(s ir.Shape, f func(h head)) {
	b, t, n, d := s[0], s[1], s[3], s[4]
	for i := range b * n {
		image, k := i/n, i%n
		at := image*t*3*n*d + k*d
		f(head{image: image, number: k, q: at, k: at + n*d, v: at + 2*n*d, step: 3 * n * d, y: image*t*n*d + k*d,
			stepY: n * d, t: t, d: d})
	}
}

// BiasAt is where row t of the bias of a head of an image begins in a bias [G,heads or 1,T or 1,T].
func BiasAt(s ir.Shape, image, head, t int) int {
	return (((image%s[0])*s[1]+min(head, s[1]-1))*s[2] + min(t, s[2]-1)) * s[3]
}

// weights is row i of the softmax of a head, with biases.
func (o AttentionOp) weights(h head, x []float64, biases []ir.Tensor, i int) []float64 {
	w, seen := make([]float64, h.t), h.t
	if o.Causal {
		seen = i + 1
	}
	for j := range seen {
		for l := range h.d {
			w[j] += o.Scale * x[h.q+i*h.step+l] * x[h.k+j*h.step+l]
		}
		for _, b := range biases {
			w[j] += b.Data[BiasAt(b.Shape, h.image, h.number, i)+j]
		}
	}
	all := logSumExp(w[:seen])
	for j := range seen {
		w[j] = math.Exp(w[j] - all)
	}
	return w
}

// Ref implements ir.Spec.
func (o AttentionOp) Ref(in []ir.Tensor, out ir.Tensor) {
	x := rounded(o.BF16, in, 1)[0].Data
	heads(in[0].Shape, func(h head) {
		for i := range h.t {
			for j, w := range o.weights(h, x, in[1:], i) {
				w = o.round(w)
				for l := range h.d {
					out.Data[h.y+i*h.stepY+l] += w * x[h.v+j*h.step+l]
				}
			}
		}
	})
}

// Rounds implements ir.Rounder.
func (o AttentionOp) Rounds(operand int) bool { return operand < 1 && rounds(operand, o.BF16, false) }

func (o AttentionOp) round(v float64) float64 {
	if o.BF16 {
		return ir.BF16Of(v)
	}
	return v
}

// Active implements Differentiable.
func (o AttentionOp) Active(n int) []bool {
	a := active(1, n)
	a[n-1] = a[n-1] || o.Learned
	return a
}

// Grad implements Differentiable.
func (o AttentionOp) Grad(g Grad) []*Node {
	last := len(g.In) - 1
	o.Learned = o.Learned && g.Need[last]
	d := Apply(AttentionGrad(o), append([]*Node{g.Dy}, g.In...)...)
	gs := make([]*Node, len(g.In))
	if !o.Learned {
		gs[0] = d
		return gs
	}
	qkv, bias := ShapeOf(g.In[0]), ShapeOf(g.In[last])
	n := qkv.Size()
	gs[0] = Reshape(Slice(d, 0, 0, n), qkv...)
	// A copy, so that the gradient by the bias does not keep that by qkv.
	gs[last] = Reshape(Scale(Slice(d, 0, n, n+bias.Size()), 1/o.Scale), bias...)
	return gs
}

// AttentionGrad is the gradient of Attention by qkv, from dy [B,T,heads*D], qkv [B,T,3,heads,D] and biases. Learned
// ones are flat: the gradient by qkv and then Scale times that by the last bias.
type AttentionGrad AttentionOp

// Name implements ir.Spec.
func (o AttentionGrad) Name() string { return "attention_grad" }

// Infer implements ir.Spec.
func (o AttentionGrad) Infer(in []ir.Type) (ir.Type, error) {
	if !o.Learned {
		return in[1], nil
	}
	n := in[1].Shape.Size() + in[len(in)-1].Shape.Size()
	return ir.Type{Shape: ir.Shape{n}, DType: in[1].DType}, nil
}

// FLOPs implements ir.Coster.
func (o AttentionGrad) FLOPs(in []ir.Type, _ ir.Type) int64 {
	return 5 * AttentionOp(o).headFLOPs(in[1].Shape)
}

// Ref implements ir.Spec.
func (o AttentionGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	in = rounded(o.BF16, in, 2)
	dy, x, dx, biases := in[0].Data, in[1].Data, out.Data, in[2:]
	round := AttentionOp(o).round
	heads(in[1].Shape, func(h head) {
		dw := make([]float64, h.t) // gradient by a row of weights
		for i := range h.t {
			w := AttentionOp(o).weights(h, x, biases, i)
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
				ds := o.Scale * w[j] * (dw[j] - mean)
				if o.Learned {
					dx[in[1].Shape.Size()+BiasAt(biases[len(biases)-1].Shape, h.image, h.number, i)+j] += ds
				}
				ds = round(ds)
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
