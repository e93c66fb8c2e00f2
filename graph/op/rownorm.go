package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// NormalizeOp makes rows of unit length.
type NormalizeOp struct{ Eps float64 }

// Normalize is x/max(|x|, eps) for every row of the last axis, |x| the Euclidean length, as PyTorch's F.normalize.
func Normalize(x *Node, eps float64) *Node { return Apply(NormalizeOp{eps}, x) }

// Name implements ir.Spec.
func (o NormalizeOp) Name() string { return "normalize" }

// Infer implements ir.Spec.
func (o NormalizeOp) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// length is the Euclidean length of a row.
func length(row []float64) float64 {
	var ss float64
	for _, v := range row {
		ss += v * v
	}
	return math.Sqrt(ss)
}

// Ref implements ir.Spec.
func (o NormalizeOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += k {
		n := max(length(in[0].Data[i:i+k]), o.Eps)
		for j := i; j < i+k; j++ {
			out.Data[j] = in[0].Data[j] / n
		}
	}
}

// Cheap implements ir.Cheap.
func (o NormalizeOp) Cheap() {}

// Active implements Differentiable.
func (o NormalizeOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o NormalizeOp) Grad(g Grad) []*Node { return []*Node{Apply(NormalizeGrad(o), g.Dy, g.In[0])} }

// NormalizeGrad is the gradient of Normalize from dy and x: (dy - u (u.dy))/|x| with u the unit row; dy/Eps where |x|
// is below Eps.
type NormalizeGrad struct{ Eps float64 }

// Name implements ir.Spec.
func (o NormalizeGrad) Name() string { return "normalize_grad" }

// Infer implements ir.Spec.
func (o NormalizeGrad) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o NormalizeGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += k {
		dy, x := in[0].Data[i:i+k], in[1].Data[i:i+k]
		n := length(x)
		var dot float64
		if n > o.Eps {
			for j := range x {
				dot += x[j] * dy[j] / n
			}
		} else {
			n = o.Eps
		}
		for j := range x {
			out.Data[i+j] = (dy[j] - x[j]/n*dot) / n
		}
	}
}

// LayerNormOp normalises rows of the last axis.
type LayerNormOp struct{ Eps float64 }

// LayerNorm is (x - mean)/sqrt(var + eps)*gamma + beta for every row of the last axis [...,C], gamma and beta [C] (Ba,
// Kiros, Hinton 2016, arXiv:1607.06450).
func LayerNorm(x, gamma, beta *Node, eps float64) *Node {
	return Apply(LayerNormOp{eps}, x, gamma, beta)
}

// Name implements ir.Spec.
func (o LayerNormOp) Name() string { return "layer_norm" }

// Infer implements ir.Spec.
func (o LayerNormOp) Infer(in []ir.Type) (ir.Type, error) {
	c := ir.Shape{in[0].Shape.Last()}
	if !in[1].Shape.Equal(c) || !in[2].Shape.Equal(c) {
		return ir.Type{}, fmt.Errorf("gamma and beta must be %v", c)
	}
	return in[0], nil
}

// rowStats is the mean of a row and 1/sqrt(var + eps).
func rowStats(row []float64, eps float64) (mean, rstd float64) {
	for _, v := range row {
		mean += v / float64(len(row))
	}
	var ss float64
	for _, v := range row {
		ss += (v - mean) * (v - mean)
	}
	return mean, 1 / math.Sqrt(ss/float64(len(row))+eps)
}

// Ref implements ir.Spec.
func (o LayerNormOp) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += c {
		mean, rstd := rowStats(in[0].Data[i:i+c], o.Eps)
		for j := range c {
			out.Data[i+j] = (in[0].Data[i+j]-mean)*rstd*in[1].Data[j] + in[2].Data[j]
		}
	}
}

// Cheap implements ir.Cheap.
func (o LayerNormOp) Cheap() {}

// Active implements Differentiable.
func (o LayerNormOp) Active(n int) []bool { return active(3, n) }

// Grad implements Differentiable.
func (o LayerNormOp) Grad(g Grad) []*Node {
	gs := make([]*Node, 3)
	if g.Need[0] {
		gs[0] = Apply(LayerNormBackward(o), g.Dy, g.In[0], g.In[1])
	}
	if g.Need[1] || g.Need[2] {
		sums := Apply(LayerNormSums(o), g.Dy, g.In[0])
		gs[1], gs[2] = Row(sums, 1), Row(sums, 0)
	}
	return gs
}

// LayerNormBackward is the gradient of LayerNorm by x, from dy, x and gamma.
type LayerNormBackward struct{ Eps float64 }

// Name implements ir.Spec.
func (o LayerNormBackward) Name() string { return "layer_norm_dx" }

// Infer implements ir.Spec.
func (o LayerNormBackward) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o LayerNormBackward) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	n := float64(c)
	for i := 0; i < len(out.Data); i += c {
		mean, rstd := rowStats(in[1].Data[i:i+c], o.Eps)
		var s, sx float64
		for j := range c {
			d := in[0].Data[i+j] * in[2].Data[j]
			s, sx = s+d, sx+d*(in[1].Data[i+j]-mean)*rstd
		}
		for j := range c {
			xhat := (in[1].Data[i+j] - mean) * rstd
			out.Data[i+j] = rstd * (in[0].Data[i+j]*in[2].Data[j] - s/n - xhat*sx/n)
		}
	}
}

// InPlace implements ir.InPlacer.
func (o LayerNormBackward) InPlace() []int { return []int{0} }

// LayerNormSums is the sums over all rows of dy and of dy*xhat, [2,C], from dy and x.
type LayerNormSums struct{ Eps float64 }

// Name implements ir.Spec.
func (o LayerNormSums) Name() string { return "layer_norm_sums" }

// Infer implements ir.Spec.
func (o LayerNormSums) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: ir.Shape{2, in[0].Shape.Last()}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o LayerNormSums) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	for i := 0; i < len(in[0].Data); i += c {
		mean, rstd := rowStats(in[1].Data[i:i+c], o.Eps)
		for j := range c {
			out.Data[j] += in[0].Data[i+j]
			out.Data[c+j] += in[0].Data[i+j] * (in[1].Data[i+j] - mean) * rstd
		}
	}
}
