package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// Recurrent is a recurrent layer over all steps of its rows, beginning with zeros: a step's hidden state is made of
// the step's inputs, which are projected before, and of the state before it.
type Recurrent struct{ Cell string } // gru or lstm

// GRU are the hidden states [B,T,H] of a gated recurrent unit, from the projected inputs x [B,T,3H] (columns: all of
// r, all of z, all of n, with their bias), the weights w [H,3H] and bias b [3H] of the state before:
//
//	r = sigmoid(x_r + h w_r + b_r), z = sigmoid(x_z + h w_z + b_z), n = tanh(x_n + r (h w_n + b_n))
//	h' = (1-z) n + z h
//
// Cho et al. 2014, arXiv:1406.1078, with the reset gate behind the product, as in PyTorch and cuDNN.
func GRU(x, w, b *Node) *Node { return Apply(Recurrent{"gru"}, x, w, b) }

// LSTM are the hidden states [B,T,H] of a long short-term memory, from the projected inputs x [B,T,4H] (columns: i,
// f, g, o), w [H,4H] and b [4H]:
//
//	c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c')   of   (i, f, g, o) = x + h w + b
//
// Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, as in PyTorch.
func LSTM(x, w, b *Node) *Node { return Apply(Recurrent{"lstm"}, x, w, b) }

// Gates is how many vectors of the size of the state a step makes of its inputs.
func (o Recurrent) Gates() int {
	if o.Cell == "lstm" {
		return 4
	}
	return 3
}

// Name implements ir.Spec.
func (o Recurrent) Name() string { return "recurrent" }

// Infer implements ir.Spec.
func (o Recurrent) Infer(in []ir.Type) (ir.Type, error) {
	x, w, b, g := in[0].Shape, in[1].Shape, in[2].Shape, o.Gates()
	if len(x) != 3 || x[2]%g != 0 {
		return ir.Type{}, fmt.Errorf("%s: projected inputs are %v, want [B,T,%d*H]", o.Cell, in[0], g)
	}
	h := x[2] / g
	if !w.Equal(ir.Shape{h, g * h}) || !b.Equal(ir.Shape{g * h}) {
		return ir.Type{}, fmt.Errorf("%s: weights and bias of the state are %v and %v, want %v and %v", o.Cell, in[1],
			in[2], ir.Shape{h, g * h}, ir.Shape{g * h})
	}
	return ir.Type{Shape: ir.Shape{x[0], x[1], h}, DType: in[0].DType}, nil
}

// FLOPs implements ir.Coster.
func (o Recurrent) FLOPs(in []ir.Type, out ir.Type) int64 {
	return 2 * int64(out.Shape.Size()) * int64(in[1].Shape[1])
}

// gate is a step's gates and what its gradient needs besides: the product with the state before, with its bias, and
// an LSTM's cell.
type gate struct{ gates, product, cell, before []float64 }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// step makes the gates of a step from its inputs x, the state h and the cell c before it, and the new state in to.
func (o Recurrent) step(to, x, w, b, h, c []float64) gate {
	n := len(to)
	g := gate{gates: make([]float64, len(x)), product: append([]float64(nil), b...), cell: make([]float64, n),
		before: c}
	for k, v := range h {
		for j := range g.product {
			g.product[j] += v * w[k*len(x)+j]
		}
	}
	for j := range n {
		sum := func(k int) float64 { return x[k*n+j] + g.product[k*n+j] }
		if o.Cell == "lstm" {
			in, forget, new, out := logistic(sum(0)), logistic(sum(1)), math.Tanh(sum(2)), logistic(sum(3))
			g.cell[j] = forget*c[j] + in*new
			to[j] = out * math.Tanh(g.cell[j])
			g.gates[j], g.gates[n+j], g.gates[2*n+j], g.gates[3*n+j] = in, forget, new, out
			continue
		}
		reset, keep := logistic(sum(0)), logistic(sum(1))
		new := math.Tanh(x[2*n+j] + reset*g.product[2*n+j])
		to[j] = (1-keep)*new + keep*h[j]
		g.gates[j], g.gates[n+j], g.gates[2*n+j] = reset, keep, new
	}
	return g
}

// Ref implements ir.Spec.
func (o Recurrent) Ref(in []ir.Tensor, out ir.Tensor) {
	t, n := out.Shape[1], out.Shape[2]
	for row := range out.Shape[0] {
		o.row(in, row, n, func(s int) []float64 { return out.Data[(row*t+s)*n:][:n] }, nil)
	}
}

// row does all steps of a row of the batch. The state of step s goes to the slice that to gives; step s+1 goes on
// from it or, if there are states already, from those.
func (o Recurrent) row(in []ir.Tensor, row, n int, to func(s int) []float64,
	states func(s int) []float64) (steps []gate) {
	t, wide := in[0].Shape[1], o.Gates()*n
	if states == nil {
		states = to
	}
	h, c := make([]float64, n), make([]float64, n)
	for s := range t {
		g := o.step(to(s), in[0].Data[(row*t+s)*wide:][:wide], in[1].Data, in[2].Data, h, c)
		h, c, steps = states(s), g.cell, append(steps, g)
	}
	return steps
}

// Active implements Differentiable.
func (o Recurrent) Active(n int) []bool { return active(3, n) }

// Grad implements Differentiable.
func (o Recurrent) Grad(g Grad) []*Node {
	s := ShapeOf(g.Out)
	b, t, n, wide := s[0], s[1], s[2], o.Gates()*s[2]
	d := Apply(RecurrentGrad(o), g.Dy, g.In[0], g.In[1], g.In[2], g.Out) // [B,T,4H]
	product := Slice(d, 2, 0, wide)
	gs := make([]*Node, 3)
	if g.Need[0] {
		gs[0] = d
		if o.Cell == "gru" {
			gs[0] = Concat(2, Slice(d, 2, 0, 2*n), Slice(d, 2, 3*n, 4*n))
		}
	}
	if g.Need[1] {
		if t == 1 {
			gs[1] = Scale(g.In[1], 0) // the state before is 0
		} else {
			before := Pad(Slice(g.Out, 1, 0, t-1), 1, 1, 0)
			gs[1] = MatMul(Reshape(before, b*t, n), Reshape(product, b*t, wide), true, false)
		}
	}
	if g.Need[2] {
		gs[2] = SumTo(product, ir.Shape{wide})
	}
	return gs
}

// RecurrentGrad is the gradient of Recurrent with respect to its sums before the gates, from dy, the operands and the
// result: [B,T,4H]. Of a GRU those are r, z and n's product with the state, and then n's inputs; of an LSTM i, f, g
// and o.
type RecurrentGrad Recurrent

// Name implements ir.Spec.
func (o RecurrentGrad) Name() string { return "recurrent_grad" }

// Infer implements ir.Spec.
func (o RecurrentGrad) Infer(in []ir.Type) (ir.Type, error) {
	s := in[0].Shape
	return ir.Type{Shape: ir.Shape{s[0], s[1], 4 * s[2]}, DType: in[0].DType}, nil
}

// FLOPs implements ir.Coster: the products with the states again, and the gradient's way back.
func (o RecurrentGrad) FLOPs(in []ir.Type, out ir.Type) int64 {
	return 2 * Recurrent(o).FLOPs(in[1:], in[0])
}

// Ref implements ir.Spec.
func (o RecurrentGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	dy, w := in[0], in[2].Data
	t, n, wide := dy.Shape[1], dy.Shape[2], Recurrent(o).Gates()*dy.Shape[2]
	for row := range dy.Shape[0] {
		again := make([]float64, n)
		states := func(s int) []float64 { return in[4].Data[(row*t+s)*n:][:n] }
		steps := Recurrent(o).row(in[1:4], row, n, func(int) []float64 { return again }, states)
		dh, dc := make([]float64, n), make([]float64, n)
		for s := t - 1; s >= 0; s-- {
			i, g := row*t+s, steps[s]
			d := out.Data[i*4*n : (i+1)*4*n]
			back := make([]float64, n)
			for j := range n {
				dh[j] += dy.Data[i*n+j]
				a, b, c := g.gates[j], g.gates[n+j], g.gates[2*n+j]
				if o.Cell == "lstm" {
					e, tc := g.gates[3*n+j], math.Tanh(g.cell[j])
					dc[j] += dh[j] * e * (1 - tc*tc)
					d[j], d[n+j] = dc[j]*c*a*(1-a), dc[j]*g.before[j]*b*(1-b)
					d[2*n+j], d[3*n+j] = dc[j]*a*(1-c*c), dh[j]*tc*e*(1-e)
					dc[j] *= b
					continue
				}
				before := 0.0
				if s > 0 {
					before = states(s - 1)[j]
				}
				dn := dh[j] * (1 - b) * (1 - c*c)
				d[j], d[n+j] = dn*g.product[2*n+j]*a*(1-a), dh[j]*(before-c)*b*(1-b)
				d[2*n+j], d[3*n+j] = dn*a, dn
				back[j] = dh[j] * b
			}
			for k := range n {
				for j := range wide {
					back[k] += d[j] * w[k*wide+j]
				}
			}
			dh = back
		}
	}
}
