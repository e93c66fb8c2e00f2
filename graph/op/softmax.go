package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// SoftmaxOp is softmax, or its logarithm, of every row of the last axis.
type SoftmaxOp struct{ Log bool }

// Softmax is e^x over its sum along the last axis.
func Softmax(x *Node) *Node { return Apply(SoftmaxOp{}, x) }

// LogSoftmax is the logarithm of Softmax.
func LogSoftmax(x *Node) *Node { return Apply(SoftmaxOp{Log: true}, x) }

// Name implements ir.Spec.
func (o SoftmaxOp) Name() string { return "softmax" }

// Infer implements ir.Spec.
func (o SoftmaxOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) == 0 {
		return ir.Type{}, fmt.Errorf("a scalar has no last axis")
	}
	return in[0], nil
}

// logSumExp is log(sum e^x) of a row.
func logSumExp(row []float64) float64 {
	top := math.Inf(-1)
	for _, v := range row {
		top = max(top, v)
	}
	if math.IsInf(top, -1) {
		return top
	}
	var s float64
	for _, v := range row {
		s += math.Exp(v - top)
	}
	return top + math.Log(s)
}

// Ref implements ir.Spec.
func (o SoftmaxOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += k {
		l := logSumExp(in[0].Data[i : i+k])
		for j := i; j < i+k; j++ {
			out.Data[j] = in[0].Data[j] - l
			if !o.Log {
				out.Data[j] = math.Exp(out.Data[j])
			}
		}
	}
}

// InPlace implements ir.InPlacer.
func (o SoftmaxOp) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o SoftmaxOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o SoftmaxOp) Grad(g Grad) []*Node { return []*Node{Apply(SoftmaxGrad(o), g.Dy, g.Out)} }

// SoftmaxGrad is the gradient of SoftmaxOp from dy and y.
type SoftmaxGrad struct{ Log bool }

// Name implements ir.Spec.
func (o SoftmaxGrad) Name() string { return "softmax_grad" }

// Infer implements ir.Spec.
func (o SoftmaxGrad) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o SoftmaxGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += k {
		var s float64
		for j := i; j < i+k; j++ {
			if o.Log {
				s += in[0].Data[j]
			} else {
				s += in[0].Data[j] * in[1].Data[j]
			}
		}
		for j := i; j < i+k; j++ {
			if o.Log {
				out.Data[j] = in[0].Data[j] - math.Exp(in[1].Data[j])*s
			} else {
				out.Data[j] = in[1].Data[j] * (in[0].Data[j] - s)
			}
		}
	}
}

// InPlace implements ir.InPlacer.
func (o SoftmaxGrad) InPlace() []int { return []int{0, 1} }

// LogSumExpOp is log(sum e^x) of every row.
type LogSumExpOp struct{}

// LogSumExp is log(sum e^x) along the last axis, [...,K] -> [...].
func LogSumExp(x *Node) *Node { return Apply(LogSumExpOp{}, x) }

// Name implements ir.Spec.
func (o LogSumExpOp) Name() string { return "logsumexp" }

// Infer implements ir.Spec.
func (o LogSumExpOp) Infer(in []ir.Type) (ir.Type, error) {
	s := in[0].Shape
	if len(s) == 0 {
		return ir.Type{}, fmt.Errorf("a scalar has no last axis")
	}
	return ir.Type{Shape: append(ir.Shape{}, s[:len(s)-1]...), DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o LogSumExpOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := range out.Data {
		out.Data[i] = logSumExp(in[0].Data[i*k : (i+1)*k])
	}
}

// Active implements Differentiable.
func (o LogSumExpOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o LogSumExpOp) Grad(g Grad) []*Node {
	s := ShapeOf(g.In[0])
	dy := Reshape(g.Dy, append(append([]int{}, s[:len(s)-1]...), 1)...)
	return []*Node{Mul(Softmax(g.In[0]), dy)}
}

// XEnt are the attributes of a cross-entropy.
type XEnt struct {
	Smoothing float64 // share of the target that is spread over all classes
	Soft      bool    // targets are distributions [N,K] instead of labels [N]
}

// CrossEntropyOp is the cross-entropy of every row.
type CrossEntropyOp struct{ XEnt }

// CrossEntropy is -log softmax(x)[label] in nats for every row of x [N,K], labels [N] int32 -> [N]. A negative label
// gives 0 and no gradient, one of K or more is an error of Run. smoothing mixes the target with the uniform
// distribution (Szegedy et al. 2016, arXiv:1512.00567, section 7), as PyTorch.
func CrossEntropy(x, labels *Node, smoothing float64) *Node {
	return Apply(CrossEntropyOp{XEnt{Smoothing: smoothing}}, x, labels)
}

// CrossEntropySoft is -sum(target * log softmax(x)) for every row of x and target [N,K] -> [N]; the target gets no
// gradient.
func CrossEntropySoft(x, target *Node) *Node {
	return Apply(CrossEntropyOp{XEnt{Soft: true}}, x, target)
}

// Name implements ir.Spec.
func (o CrossEntropyOp) Name() string { return "cross_entropy" }

// Infer implements ir.Spec.
func (o CrossEntropyOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 2 {
		return ir.Type{}, fmt.Errorf("logits must be [N,K]")
	}
	n := ir.Shape{in[0].Shape[0]}
	if o.Soft && !in[1].Shape.Equal(in[0].Shape) {
		return ir.Type{}, fmt.Errorf("targets must be %v", in[0].Shape)
	}
	if !o.Soft && (!in[1].Shape.Equal(n) || in[1].DType != ir.I32) {
		return ir.Type{}, fmt.Errorf("labels must be int32 %v", n)
	}
	return ir.Type{Shape: n, DType: in[0].DType}, nil
}

// target is entry j of row i's target distribution of k classes; ok is false for an ignored row.
func (o XEnt) target(t ir.Tensor, i, j, k int) (p float64, ok bool) {
	if o.Soft {
		return t.Data[i*k+j], true
	}
	label := labelOf(t, i, k)
	p = o.Smoothing / float64(k)
	if label == j {
		p += 1 - o.Smoothing
	}
	return p, label >= 0
}

// labelOf is the class of row i of k classes, negative for an ignored row.
func labelOf(t ir.Tensor, i, k int) int {
	l := int(t.Data[i])
	if l >= k {
		panic(fmt.Sprintf("row %d has label %d, want one below %d", i, l, k))
	}
	return l
}

// Ref implements ir.Spec.
func (o CrossEntropyOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape[1]
	for i := range out.Data {
		row := in[0].Data[i*k : (i+1)*k]
		l := logSumExp(row)
		for j, x := range row {
			if p, ok := o.target(in[1], i, j, k); ok && p != 0 {
				out.Data[i] -= p * (x - l)
			}
		}
	}
}

// Integers implements ir.Integers.
func (o CrossEntropyOp) Integers(operand int) bool { return operand == 1 }

// Active implements Differentiable.
func (o CrossEntropyOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o CrossEntropyOp) Grad(g Grad) []*Node {
	return []*Node{Apply(CrossEntropyGrad(o), g.Dy, g.In[0], g.In[1]), nil}
}

// CrossEntropyGrad is the gradient by the logits from dy [N], x [N,K] and the targets: dy*(softmax(x)*sum(target) -
// target).
type CrossEntropyGrad struct{ XEnt }

// Name implements ir.Spec.
func (o CrossEntropyGrad) Name() string { return "cross_entropy_grad" }

// Infer implements ir.Spec.
func (o CrossEntropyGrad) Infer(in []ir.Type) (ir.Type, error) { return in[1], nil }

// Ref implements ir.Spec.
func (o CrossEntropyGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[1].Shape[1]
	for i, dy := range in[0].Data {
		row := in[1].Data[i*k : (i+1)*k]
		l := logSumExp(row)
		var total float64
		for j := range row {
			p, ok := o.target(in[2], i, j, k)
			if ok {
				total += p
				out.Data[i*k+j] = -dy * p
			}
		}
		for j, x := range row {
			out.Data[i*k+j] += dy * total * math.Exp(x-l)
		}
	}
}

// Integers implements ir.Integers.
func (o CrossEntropyGrad) Integers(operand int) bool { return operand == 2 }

// InPlace implements ir.InPlacer.
func (o CrossEntropyGrad) InPlace() []int { return []int{1} }

// DiagonalOp sets the diagonal of a square matrix.
type DiagonalOp struct{ Value float64 }

// MaskDiagonal is x [N,N] with value on the diagonal, through which no gradient flows.
func MaskDiagonal(x *Node, value float64) *Node { return Apply(DiagonalOp{value}, x) }

// OffDiagonal is x [N,N] with zeros on the diagonal.
func OffDiagonal(x *Node) *Node { return MaskDiagonal(x, 0) }

// Name implements ir.Spec.
func (o DiagonalOp) Name() string { return "mask_diagonal" }

// Infer implements ir.Spec.
func (o DiagonalOp) Infer(in []ir.Type) (ir.Type, error) {
	if s := in[0].Shape; len(s) != 2 || s[0] != s[1] {
		return ir.Type{}, fmt.Errorf("want a square matrix")
	}
	return in[0], nil
}

// Ref implements ir.Spec.
func (o DiagonalOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := in[0].Shape[0]
	copy(out.Data, in[0].Data)
	for i := range n {
		out.Data[i*n+i] = o.Value
	}
}

// InPlace implements ir.InPlacer.
func (o DiagonalOp) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o DiagonalOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o DiagonalOp) Grad(g Grad) []*Node { return []*Node{OffDiagonal(g.Dy)} }
