package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// The operations of this file make the new values of state: optimiser steps, moments and moving averages. None has a
// gradient. They work element by element and may overwrite the state that they replace.

// updateType is shared by operations on elementwise operands of one shape followed by 0-d settings.
func updateType(in []ir.Type, elementwise int) (ir.Type, error) {
	for i, t := range in {
		switch {
		case i < elementwise && !t.Shape.Equal(in[0].Shape):
			return ir.Type{}, fmt.Errorf("operand %d is %v, want %v like the first", i, t.Shape, in[0].Shape)
		case i >= elementwise && len(t.Shape) != 0:
			return ir.Type{}, fmt.Errorf("operand %d is %v, want a scalar", i, t.Shape)
		case t.DType != in[0].DType:
			return ir.Type{}, fmt.Errorf("operand %d is %v, want %v like the first", i, t.DType, in[0].DType)
		}
	}
	return in[0], nil
}

// LerpOp is t*a + (1-t)*b.
type LerpOp struct{}

// Lerp is t*a + (1-t)*b for a 0-d t: the moving average of a teacher a that follows b.
func Lerp(a, b, t *Node) *Node { return Apply(LerpOp{}, a, b, t) }

// Name implements ir.Spec.
func (o LerpOp) Name() string { return "lerp" }

// Infer implements ir.Spec.
func (o LerpOp) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 2) }

// InPlace implements ir.InPlacer.
func (o LerpOp) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o LerpOp) Ref(in []ir.Tensor, out ir.Tensor) {
	t := in[2].Data[0]
	for i := range out.Data {
		out.Data[i] = t*in[0].Data[i] + (1-t)*in[1].Data[i]
	}
}

// Moment is the moving average of a gradient: Beta*m + (1-Beta)*g, or of its square.
type Moment struct {
	Beta   float64
	Square bool
}

// FirstMoment is beta*m + (1-beta)*g.
func FirstMoment(m, g *Node, beta float64) *Node { return Apply(Moment{Beta: beta}, m, g) }

// SecondMoment is beta*v + (1-beta)*g*g.
func SecondMoment(v, g *Node, beta float64) *Node {
	return Apply(Moment{Beta: beta, Square: true}, v, g)
}

// Name implements ir.Spec.
func (o Moment) Name() string { return "moment" }

// Infer implements ir.Spec.
func (o Moment) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 2) }

// InPlace implements ir.InPlacer.
func (o Moment) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o Moment) Ref(in []ir.Tensor, out ir.Tensor) {
	for i := range out.Data {
		g := in[1].Data[i]
		if o.Square {
			g *= g
		}
		out.Data[i] = o.Beta*in[0].Data[i] + (1-o.Beta)*g
	}
}

// Momentum is the moment of gradient descent: Mu*m + ratio*(g + wd*p).
type Momentum struct{ Mu float64 }

// NextMomentum makes the new moment from m, the gradient g, the parameter p, and 0-d decay wd and ratio (LARS's trust
// ratio; 1 in SGD).
func NextMomentum(m, g, p, wd, ratio *Node, mu float64) *Node {
	return Apply(Momentum{mu}, m, g, p, wd, ratio)
}

// Name implements ir.Spec.
func (o Momentum) Name() string { return "momentum" }

// Infer implements ir.Spec.
func (o Momentum) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 3) }

// InPlace implements ir.InPlacer.
func (o Momentum) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o Momentum) Ref(in []ir.Tensor, out ir.Tensor) {
	wd, ratio := in[3].Data[0], in[4].Data[0]
	for i := range out.Data {
		out.Data[i] = o.Mu*in[0].Data[i] + ratio*(in[1].Data[i]+wd*in[2].Data[i])
	}
}

// Descend is a parameter's step along a moment: p - lr*m.
type Descend struct{}

// Step is p - lr*m for a 0-d lr; m may be the gradient itself.
func Step(p, m, lr *Node) *Node { return Apply(Descend{}, p, m, lr) }

// Name implements ir.Spec.
func (o Descend) Name() string { return "descend" }

// Infer implements ir.Spec.
func (o Descend) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 2) }

// InPlace implements ir.InPlacer.
func (o Descend) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o Descend) Ref(in []ir.Tensor, out ir.Tensor) {
	lr := in[2].Data[0]
	for i := range out.Data {
		out.Data[i] = in[0].Data[i] - lr*in[1].Data[i]
	}
}

// DescendNesterov is p - lr*(ratio*(g + wd*p) + Mu*m) for the new moment m.
type DescendNesterov struct{ Mu float64 }

// NesterovStep makes the new parameter from p, the new moment m, the gradient g and 0-d lr, wd and ratio.
func NesterovStep(p, m, g, lr, wd, ratio *Node, mu float64) *Node {
	return Apply(DescendNesterov{mu}, p, m, g, lr, wd, ratio)
}

// Name implements ir.Spec.
func (o DescendNesterov) Name() string { return "descend_nesterov" }

// Infer implements ir.Spec.
func (o DescendNesterov) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 3) }

// InPlace implements ir.InPlacer.
func (o DescendNesterov) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o DescendNesterov) Ref(in []ir.Tensor, out ir.Tensor) {
	lr, wd, ratio := in[3].Data[0], in[4].Data[0], in[5].Data[0]
	for i := range out.Data {
		p := in[0].Data[i]
		out.Data[i] = p - lr*(ratio*(in[2].Data[i]+wd*p)+o.Mu*in[1].Data[i])
	}
}

// Adam is the parameter's step of Adam with bias correction (Kingma and Ba 2015, arXiv:1412.6980, Alg. 1), the weight
// decay decoupled (Loshchilov and Hutter 2019, arXiv:1711.05101): p*(1 - lr*wd) - lr*mhat/(sqrt(vhat)+Eps), as
// PyTorch's AdamW.
type Adam struct{ Beta1, Beta2, Eps float64 }

// AdamStep makes the new parameter from p, the new moments m and v, and 0-d lr, wd and step (counted from 1).
func AdamStep(p, m, v, lr, wd, step *Node, o Adam) *Node { return Apply(o, p, m, v, lr, wd, step) }

// Name implements ir.Spec.
func (o Adam) Name() string { return "adam" }

// Infer implements ir.Spec.
func (o Adam) Infer(in []ir.Type) (ir.Type, error) { return updateType(in, 3) }

// InPlace implements ir.InPlacer.
func (o Adam) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o Adam) Ref(in []ir.Tensor, out ir.Tensor) {
	lr, wd, step := in[3].Data[0], in[4].Data[0], in[5].Data[0]
	c1, c2 := 1-math.Pow(o.Beta1, step), 1-math.Pow(o.Beta2, step)
	for i := range out.Data {
		m, v := in[1].Data[i]/c1, in[2].Data[i]/c2
		out.Data[i] = in[0].Data[i]*(1-lr*wd) - lr*m/(math.Sqrt(v)+o.Eps)
	}
}

// TrustRatio is LARS's scale of one parameter's step (You, Gitman, Ginsburg 2017, arXiv:1708.03888, eq. 6), 0-d; 1
// where |p| or |g| is 0.
type TrustRatio struct {
	Eta     float64
	Eps     float64
	Variant string // official: Eta*|p|/|g + wd*p|; solo: Eta*|p|/(|g| + wd*|p| + Eps)
	Clip    bool   // at 1 after division by the learning rate (LARC)
}

// Trust is the ratio of a parameter p and its gradient g, with 0-d decay wd and learning rate lr (only clipping reads
// it).
func Trust(p, g, wd, lr *Node, o TrustRatio) *Node { return Apply(o, p, g, wd, lr) }

// Name implements ir.Spec.
func (o TrustRatio) Name() string { return "trust_ratio" }

// Infer implements ir.Spec.
func (o TrustRatio) Infer(in []ir.Type) (ir.Type, error) {
	t, err := updateType(in, 2)
	return ir.Type{DType: t.DType}, err
}

// Ref implements ir.Spec.
func (o TrustRatio) Ref(in []ir.Tensor, out ir.Tensor) {
	wd := in[2].Data[0]
	var pp, gg, uu float64
	for i, p := range in[0].Data {
		g := in[1].Data[i]
		pp, gg, uu = pp+p*p, gg+g*g, uu+(g+wd*p)*(g+wd*p)
	}
	out.Data[0] = o.Ratio(pp, gg, uu, wd, in[3].Data[0])
}

// Ratio is the trust ratio from the sums of squares of p, g and g+wd*p.
func (o TrustRatio) Ratio(pp, gg, uu, wd, lr float64) float64 {
	p, g, u := math.Sqrt(pp), math.Sqrt(gg), math.Sqrt(uu)
	r := 1.0
	switch {
	case o.Variant == "official":
		if p > 0 && u > 0 {
			r = o.Eta * p / u
		}
	case p > 0 && g > 0:
		r = o.Eta * p / (g + wd*p + o.Eps)
	}
	if o.Clip {
		r = min(r/lr, 1)
	}
	return r
}

// SumSq is the sum of squares of all elements, 0-d.
type SumSq struct{}

// SumSquares is the sum of squares of all elements of x, 0-d, without gradient.
func SumSquares(x *Node) *Node { return Apply(SumSq{}, x) }

// Name implements ir.Spec.
func (o SumSq) Name() string { return "sum_squares" }

// Infer implements ir.Spec.
func (o SumSq) Infer(in []ir.Type) (ir.Type, error) { return ir.Type{DType: in[0].DType}, nil }

// Ref implements ir.Spec.
func (o SumSq) Ref(in []ir.Tensor, out ir.Tensor) {
	for _, v := range in[0].Data {
		out.Data[0] += v * v
	}
}
