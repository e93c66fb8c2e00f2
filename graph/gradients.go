package graph

import (
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Varies reports whether something has a gradient by way of n: a leaf below it that is no constant, through operations
// that have gradients.
func (s *Scope) Varies(n *Node) bool {
	seen := map[*Node]bool{}
	var visit func(n *Node) bool
	visit = func(n *Node) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		o := op.Of(n)
		if o == nil {
			d := s.g.declOf(n)
			return d != nil && d.class != isConst && d.typ.DType != ir.I32
		}
		in := op.Operands(n)
		for i, active := range o.DiffWRT(len(in)) {
			if active && visit(in[i]) {
				return true
			}
		}
		return false
	}
	return visit(n)
}

// Gradients returns d loss / d wrt[i] for a 0-d loss, by symbolic reverse mode over the operations' own gradients. An
// entry is nil where the loss does not depend on wrt[i]. It may be called any number of times on one graph, for several
// losses; only what lies between loss and wrt is differentiated.
func (s *Scope) Gradients(loss *Node, wrt []*Node) []*Node {
	if loss == nil || len(op.ShapeOf(loss)) != 0 || op.TypeOf(loss).DType == ir.I32 {
		op.Fail(s.Path(), "the loss is %s; want one floating-point number", describe(loss))
	}
	// Post-order of everything below the loss, and which of it depends on wrt through operands that have gradients.
	want := map[*Node]bool{}
	for _, w := range wrt {
		want[w] = true
	}
	var order []*Node
	state := map[*Node]bool{} // visited -> depends on wrt
	var visit func(n *Node) bool
	visit = func(n *Node) bool {
		if dep, ok := state[n]; ok {
			return dep
		}
		state[n] = want[n]
		o := op.Of(n)
		if o == nil {
			return want[n]
		}
		in := op.Operands(n)
		act := o.DiffWRT(len(in))
		dep := want[n]
		for i, x := range in {
			if act[i] && visit(x) {
				dep = true
			}
		}
		state[n] = dep
		if dep {
			order = append(order, n)
		}
		return dep
	}
	visit(loss)

	parts := map[*Node][]*Node{} // contributions to d loss / d node
	total := func(n *Node) *Node {
		p := parts[n]
		if len(p) == 0 {
			return nil
		}
		if len(p) > 1 {
			parts[n] = []*Node{op.Sum(p...)}
		}
		return parts[n][0]
	}
	parts[loss] = []*Node{s.Constant(1)}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		o := op.Of(n)
		dy := total(n)
		if o == nil || dy == nil {
			continue
		}
		in := op.Operands(n)
		need := o.DiffWRT(len(in))
		for k, x := range in {
			need[k] = need[k] && state[x]
		}
		if !slices.Contains(need, true) { // n is of wrt, and nothing below it is wanted
			continue
		}
		gs := o.Spec.(op.Differentiable).Grad(op.Grad{In: in, Out: n, Dy: dy, Need: need})
		if len(gs) != len(in) {
			op.Fail(op.ScopeOf(n), "Grad of the operation %s returns %d gradients; want %d, one an operand",
				o.Spec.Name(), len(gs), len(in))
		}
		for k, x := range in {
			if !need[k] {
				continue
			}
			if want := op.ShapeOf(x); gs[k] == nil || !want.Equal(op.ShapeOf(gs[k])) {
				op.Fail(op.ScopeOf(n), "Grad of the operation %s returns a gradient %s for operand %d; want %v",
					o.Spec.Name(), describe(gs[k]), k, want)
			}
			parts[x] = append(parts[x], gs[k])
		}
	}
	gs := make([]*Node, len(wrt))
	for i, w := range wrt {
		gs[i] = total(w)
	}
	return gs
}
