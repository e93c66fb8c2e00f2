package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// Stats is mean and biased variance of every channel.
type Stats struct{}

// BatchStats is the mean and the biased variance of every channel of x [...,C] over all other axes, [2,C]. It has no
// gradient of its own: BatchNorm's gradient is the total one.
func BatchStats(x *Node) *Node { return Apply(Stats{}, x) }

// Name implements ir.Spec.
func (o Stats) Name() string { return "batch_stats" }

// Infer implements ir.Spec.
func (o Stats) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) < 2 {
		return ir.Type{}, fmt.Errorf("want [...,C] with at least two axes")
	}
	return ir.Type{Shape: ir.Shape{2, in[0].Shape.Last()}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o Stats) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	n := float64(len(in[0].Data) / c)
	for i, v := range in[0].Data {
		out.Data[i%c] += v / n
	}
	for i, v := range in[0].Data {
		d := v - out.Data[i%c]
		out.Data[c+i%c] += d * d / n
	}
}

// BN are the attributes of a batch normalisation.
type BN struct {
	Eps float64 // added to the variance
	// the statistics are constants (evaluation); else they are the batch's, and the gradient goes through them
	Frozen bool
}

// BatchNormOp is (x - mean)/sqrt(var + Eps), times gamma plus beta if it has these two.
type BatchNormOp struct {
	BN
	Residual bool // plus the last operand, of x's shape; the compiler sets it
	Relu     bool // then max(y, 0); the compiler sets it
	Rounded  bool // then rounded to bfloat16; the compiler sets it
}

// affine are gamma and beta among the operands, if there are any.
func (o BatchNormOp) affine(n int) (from, to int) {
	if o.Residual {
		n--
	}
	return 2, n
}

// BatchNorm normalises every channel of x [...,C] by stats [2,C] (mean, variance), then scales and shifts by affine =
// gamma, beta [C] if given. Ioffe and Szegedy 2015, arXiv:1502.03167, Alg. 1.
func BatchNorm(x, stats *Node, o BN, affine ...*Node) *Node {
	return Apply(BatchNormOp{BN: o}, append([]*Node{x, stats}, affine...)...)
}

// Name implements ir.Spec.
func (o BatchNormOp) Name() string { return "batch_norm" }

// Infer implements ir.Spec.
func (o BatchNormOp) Infer(in []ir.Type) (ir.Type, error) {
	c := in[0].Shape.Last()
	from, to := o.affine(len(in))
	if to != 2 && to != 4 {
		return ir.Type{}, fmt.Errorf("want both gamma and beta or neither")
	}
	if o.Residual && !in[to].Shape.Equal(in[0].Shape) {
		return ir.Type{}, fmt.Errorf("the residual is %v, want %v", in[to].Shape, in[0].Shape)
	}
	if !in[1].Shape.Equal(ir.Shape{2, c}) {
		return ir.Type{}, fmt.Errorf("statistics are %v, want [2,%d]", in[1].Shape, c)
	}
	for _, t := range in[from:to] {
		if !t.Shape.Equal(ir.Shape{c}) {
			return ir.Type{}, fmt.Errorf("gamma and beta must be [%d]", c)
		}
	}
	return in[0], nil
}

// Ref implements ir.Spec.
func (o BatchNormOp) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	from, to := o.affine(len(in))
	for i, x := range in[0].Data {
		k := i % c
		y := (x - in[1].Data[k]) / math.Sqrt(in[1].Data[c+k]+o.Eps)
		if from < to {
			y = y*in[2].Data[k] + in[3].Data[k]
		}
		if o.Residual {
			y += in[to].Data[i]
		}
		if o.Relu {
			y = max(y, 0)
		}
		out.Data[i] = y
	}
	if o.Rounded {
		RoundOp{}.Ref([]ir.Tensor{out}, out)
	}
}

// Rounds implements ir.Rounder.
func (o BatchNormOp) Rounds(operand int) bool { return rounds(operand, false, o.Rounded) }

// Cheap implements ir.Cheap.
func (o BatchNormOp) Cheap() {}

// InPlace implements ir.InPlacer: over x or the residual.
func (o BatchNormOp) InPlace() []int {
	if o.Residual {
		return []int{0, 2, 4}
	}
	return []int{0}
}

// Fuse implements ir.Fuser: what is added to the norm, as at the end of a residual block, the ReLU behind it, and
// rounding.
func (o BatchNormOp) Fuse(next ir.Spec, at int, in []ir.Type) (ir.Spec, bool) {
	switch f := next.(type) {
	case Binary:
		sum := f == Binary{Fn: "add"} && in[0].Shape.Equal(in[1].Shape)
		if sum && !o.Residual && !o.Relu && !o.Rounded {
			o.Residual = true
			return o, true
		}
	case Unary:
		if f.Fn == "relu" && !o.Relu {
			o.Relu = true
			return o, true
		}
	case RoundOp:
		if !o.Rounded {
			o.Rounded = true
			return o, true
		}
	}
	return nil, false
}

// Active implements Differentiable.
func (o BatchNormOp) Active(n int) []bool {
	a := active(n, n)
	a[1] = false
	return a
}

// Grad implements Differentiable.
func (o BatchNormOp) Grad(g Grad) []*Node {
	gs := make([]*Node, len(g.In))
	sums := Apply(NormSums{Eps: o.Eps}, g.Dy, g.In[0], g.In[1])
	if g.Need[0] {
		in := []*Node{g.Dy, g.In[0], g.In[1], sums}
		if len(g.In) == 4 {
			in = append(in, g.In[2])
		}
		gs[0] = Apply(NormBackward{BN: o.BN}, in...)
	}
	if len(g.In) == 4 {
		gs[2], gs[3] = Row(sums, 1), Row(sums, 0)
	}
	return gs
}

// NormSums is, for every channel, the sums of dy and of dy*xhat over all other axes, [2,C], from dy, x and statistics.
type NormSums struct {
	Eps float64
	// dy is that of the norm's ReLU; gamma and beta, if any, follow, to find its sign by. The compiler sets it.
	Relu bool
}

// Name implements ir.Spec.
func (o NormSums) Name() string { return "batch_norm_sums" }

// Infer implements ir.Spec.
func (o NormSums) Infer(in []ir.Type) (ir.Type, error) { return in[2], nil }

// Ref implements ir.Spec.
func (o NormSums) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	for i, dy := range in[0].Data {
		k := i % c
		xhat := (in[1].Data[i] - in[2].Data[k]) / math.Sqrt(in[2].Data[c+k]+o.Eps)
		if o.Relu {
			dy *= step(scaled(xhat, k, in[3:]))
		}
		out.Data[k] += dy
		out.Data[c+k] += dy * xhat
	}
}

// scaled is xhat of channel k times gamma plus beta, if there are these.
func scaled(xhat float64, k int, affine []ir.Tensor) float64 {
	if len(affine) == 0 {
		return xhat
	}
	return xhat*affine[0].Data[k] + affine[1].Data[k]
}

// Absorb implements ir.Absorber: the gradient of the norm's ReLU.
func (o NormSums) Absorb(in []int, maker func(int) (ir.Spec, []int)) (ir.Spec, []int, bool) {
	dy, affine, ok := behindRelu(in, o.Eps, maker)
	if o.Relu || !ok {
		return nil, nil, false
	}
	o.Relu = true
	return o, append([]int{dy, in[1], in[2]}, affine...), true
}

// behindRelu finds out whether in[0] is the gradient before a ReLU right behind the batch norm of x and statistics
// in[1:3]. It returns the gradient after that ReLU, and gamma and beta if there are any.
func behindRelu(in []int, eps float64, maker func(int) (ir.Spec, []int)) (dy int, affine []int, ok bool) {
	g, masked := maker(in[0])
	if u, ok := g.(UnaryGrad); !ok || u.Fn != "relu" {
		return 0, nil, false
	}
	y, normed := maker(masked[1])
	if bn, ok := y.(BatchNormOp); !ok || !bn.Relu || bn.Residual || bn.Eps != eps || normed[0] != in[1] ||
		normed[1] != in[2] {
		return 0, nil, false
	}
	return masked[0], normed[2:], true
}

// NormBackward is the gradient of a batch normalisation by x, from dy, x, statistics, NormSums and gamma if it has one.
// Unless Frozen it goes through the statistics: gamma*rstd*(dy - sum(dy)/n - xhat*sum(dy*xhat)/n).
type NormBackward struct {
	BN
	Relu bool // as of NormSums: beta follows gamma
}

// Name implements ir.Spec.
func (o NormBackward) Name() string { return "batch_norm_dx" }

// Infer implements ir.Spec.
func (o NormBackward) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o NormBackward) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	n := float64(len(in[0].Data) / c)
	for i, d := range in[0].Data {
		k := i % c
		rstd := 1 / math.Sqrt(in[2].Data[c+k]+o.Eps)
		xhat := (in[1].Data[i] - in[2].Data[k]) * rstd
		if o.Relu {
			d *= step(scaled(xhat, k, in[4:]))
		}
		if !o.Frozen {
			d -= in[3].Data[k]/n + xhat*in[3].Data[c+k]/n
		}
		if len(in) > 4 {
			d *= in[4].Data[k]
		}
		out.Data[i] = d * rstd
	}
}

// Absorb implements ir.Absorber: the gradient of the norm's ReLU.
func (o NormBackward) Absorb(in []int, maker func(int) (ir.Spec, []int)) (ir.Spec, []int, bool) {
	dy, affine, ok := behindRelu(in, o.Eps, maker)
	if o.Relu || !ok || len(affine) > 0 != (len(in) > 4) || len(in) > 4 && affine[0] != in[4] {
		return nil, nil, false
	}
	o.Relu = true
	return o, append([]int{dy, in[1], in[2], in[3]}, affine...), true
}

// InPlace implements ir.InPlacer.
func (o NormBackward) InPlace() []int { return []int{0, 1} }

// Running is the moving average of batch statistics.
type Running struct {
	Momentum float64 // weight of the new
	N        int     // values behind every statistic: the variance is multiplied by N/(N-1)
}

// RunningStats is (1-momentum)*running + momentum*stats, both [2,C] of mean and variance, the new variance made
// unbiased for n values, as PyTorch does.
func RunningStats(running, stats *Node, momentum float64, n int) *Node {
	return Apply(Running{momentum, n}, running, stats)
}

// Name implements ir.Spec.
func (o Running) Name() string { return "running_stats" }

// Infer implements ir.Spec.
func (o Running) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 2) }

// Unbias is the factor of the biased variance that makes it unbiased.
func (o Running) Unbias() float64 {
	if o.N < 2 {
		return 1
	}
	return float64(o.N) / float64(o.N-1)
}

// Ref implements ir.Spec.
func (o Running) Ref(in []ir.Tensor, out ir.Tensor) {
	c := in[0].Shape.Last()
	for i := range out.Data {
		s := in[1].Data[i]
		if i >= c {
			s *= o.Unbias()
		}
		out.Data[i] = (1-o.Momentum)*in[0].Data[i] + o.Momentum*s
	}
}

// InPlace implements ir.InPlacer.
func (o Running) InPlace() []int { return []int{0} }
