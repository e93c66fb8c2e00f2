package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// OfLabelledOp turns a mean over all rows into the mean over the labelled ones.
type OfLabelledOp struct{}

// OfLabelled is x [], a mean over N rows in which rows without a label count as 0, as the mean over the labelled rows
// alone: x times N over their number. labels [N] are int32, negative where a row has none. Without a labelled row the
// result is 0. Where every row has a label it is x, bit for bit.
func OfLabelled(x, labels *Node) *Node { return Apply(OfLabelledOp{}, x, labels) }

// Name implements ir.Spec.
func (o OfLabelledOp) Name() string { return "of_labelled" }

// Infer implements ir.Spec.
func (o OfLabelledOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 0 || in[1].DType != ir.I32 || len(in[1].Shape) != 1 {
		return ir.Type{}, fmt.Errorf("want a scalar and int32 labels [N]")
	}
	return in[0], nil
}

// Ref implements ir.Spec.
func (o OfLabelledOp) Ref(in []ir.Tensor, out ir.Tensor) {
	if n := labelledRows(in[1]); n > 0 {
		out.Data[0] = in[0].Data[0] * (float64(len(in[1].Data)) / float64(n))
	}
}

// Active implements Differentiable.
func (o OfLabelledOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable: the operation is linear, and its own transpose.
func (o OfLabelledOp) Grad(g Grad) []*Node { return []*Node{Apply(o, g.Dy, g.In[1]), nil} }

// Integers implements ir.Integers.
func (o OfLabelledOp) Integers(operand int) bool { return operand == 1 }

// labelledRows counts the labels that are not negative.
func labelledRows(labels ir.Tensor) (n int) {
	for _, l := range labels.Data {
		if l >= 0 {
			n++
		}
	}
	return n
}

// AccuracyOp is the share of the labelled rows whose largest logit is the label's.
type AccuracyOp struct{}

// Accuracy is the share of the labelled rows of x [N,K] whose first largest entry is the label [N], 0-d, without
// gradient. A row with a negative label does not count, and without a labelled row the accuracy is NaN; a label of K or
// more is an error of Run.
func Accuracy(x, labels *Node) *Node { return Apply(AccuracyOp{}, x, labels) }

// Name implements ir.Spec.
func (o AccuracyOp) Name() string { return "accuracy" }

// Infer implements ir.Spec.
func (o AccuracyOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 2 || in[1].DType != ir.I32 || !in[1].Shape.Equal(in[0].Shape[:1]) {
		return ir.Type{}, fmt.Errorf("want logits [N,K] and int32 labels [N]")
	}
	return ir.Type{DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o AccuracyOp) Ref(in []ir.Tensor, out ir.Tensor) {
	best := ir.Tensor{Shape: in[1].Shape, Data: make([]float64, len(in[1].Data))}
	ArgmaxOp{}.Ref(in[:1], best)
	n := labelledRows(in[1])
	if n == 0 {
		out.Data[0] = math.NaN()
	}
	for i, b := range best.Data {
		if int(b) == labelOf(in[1], i, in[0].Shape[1]) {
			out.Data[0] += 1 / float64(n)
		}
	}
}

// Integers implements ir.Integers.
func (o AccuracyOp) Integers(operand int) bool { return operand == 1 }
