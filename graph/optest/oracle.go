package optest

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// The interpreter and the reverse pass of this file are a second way to a value and its gradients. They share nothing
// with package graph's lowering, planning and gradients but the operations themselves.

// Evaluate computes nodes by the reference forwards in float64; known holds the leaves, and is filled with every value
// met.
func Evaluate(n *op.Node, known map[*op.Node]ir.Tensor) ir.Tensor {
	if v, ok := known[n]; ok {
		return v
	}
	var in []ir.Tensor
	for _, x := range op.Operands(n) {
		in = append(in, Evaluate(x, known))
	}
	s := op.ShapeOf(n)
	out := ir.Tensor{Shape: s, Data: make([]float64, s.Size())}
	op.Of(n).Spec.Ref(in, out)
	known[n] = out
	return out
}

// Reverse is the gradient of n by every leaf below it, given the gradient seed of n's own shape.
func Reverse(n, seed *op.Node) map[*op.Node]*op.Node {
	var order []*op.Node
	seen := map[*op.Node]bool{}
	var visit func(*op.Node)
	visit = func(x *op.Node) {
		if seen[x] {
			return
		}
		seen[x] = true
		for _, c := range op.Operands(x) {
			visit(c)
		}
		order = append(order, x)
	}
	visit(n)
	total := map[*op.Node]*op.Node{n: seed}
	for i := len(order) - 1; i >= 0; i-- {
		x := order[i]
		o := op.Of(x)
		if o == nil || total[x] == nil {
			continue
		}
		d, ok := o.Spec.(op.Differentiable)
		if !ok {
			continue
		}
		in := op.Operands(x)
		need := d.Active(len(in))
		gs := d.Grad(op.Grad{In: in, Out: x, Dy: total[x], Need: need})
		for k, c := range in {
			switch {
			case !need[k]:
			case total[c] == nil:
				total[c] = gs[k]
			default:
				total[c] = op.Add(total[c], gs[k])
			}
		}
	}
	return total
}
