package op

import "selfsup/graph/ir"

// RoundOp rounds every element to bfloat16, to the nearest, ties to even.
type RoundOp struct {
	Gradient bool // the gradient is rounded too; else it passes as if nothing were
}

// Round is x in bfloat16: a layer's result that is to be kept in half the memory. The gradient passes as if nothing
// were rounded.
func Round(x *Node) *Node { return Apply(RoundOp{}, x) }

// RoundBoth is Round with the gradient rounded too.
func RoundBoth(x *Node) *Node { return Apply(RoundOp{Gradient: true}, x) }

// Name implements ir.Spec.
func (o RoundOp) Name() string { return "round" }

// Infer implements ir.Spec.
func (o RoundOp) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o RoundOp) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, v := range in[0].Data {
		out.Data[i] = ir.BF16Of(v)
	}
}

// Rounds implements ir.Rounder.
func (o RoundOp) Rounds(int) bool { return true }

// InPlace implements ir.InPlacer.
func (o RoundOp) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o RoundOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o RoundOp) Grad(g Grad) []*Node {
	if o.Gradient {
		return []*Node{Round(g.Dy)}
	}
	return []*Node{g.Dy}
}

// rounds is whether an operation rounds an operand, if it rounds its first two, or its result.
func rounds(operand int, operands, result bool) bool {
	if operand == ir.Result {
		return result
	}
	return operands && operand < 2
}
