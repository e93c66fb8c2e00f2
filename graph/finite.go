package graph

import (
	"fmt"
	"math"
	"strings"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// NonFinite is the first value of a step that is NaN or infinite and not made so by its operands.
type NonFinite struct {
	Name  string    // of the operation, or of the input or the entry of the store
	Scope string    // in which the operation was built, as far as its operands tell
	In    []ir.Type // operands of the operation
	Value float64   // NaN or an infinity
	Class ir.Class  // ir.Temp for an operation's result
}

func (n *NonFinite) String() string {
	switch n.Class {
	case ir.Input:
		return fmt.Sprintf("input %s holds %v before the step", n.Name, n.Value)
	case ir.State:
		return fmt.Sprintf("%s holds %v before the step", n.Name, n.Value)
	}
	in := make([]string, len(n.In))
	for i, t := range n.In {
		in[i] = t.String()
	}
	where := ""
	if n.Scope != "" {
		where = " in " + n.Scope
	}
	return fmt.Sprintf("%s %s%s gives the first %v", n.Name, strings.Join(in, "x"), where, n.Value)
}

// found is what a value holds: bits.
type found uint8

const (
	foundInf found = 1 << iota
	foundNaN
)

// lookAt is what an array holds, and its first number that is not finite.
func lookAt(a ir.Array) (f found, first float64) {
	if a.DType == ir.I32 {
		return 0, 0
	}
	for i := range a.Shape.Size() {
		v := a.At(i)
		if v-v == 0 {
			continue
		}
		if f == 0 {
			first = v
		}
		if math.IsNaN(v) {
			return f | foundNaN, first
		}
		f |= foundInf
	}
	return f, first
}

// FirstNonFinite runs one step and returns the first value that is NaN though no operand is, or infinite though no
// operand is and no attribute of the operation is: the place where a step went wrong. It is nil where every value is
// finite, or where the backend cannot show its results. It is slow, and the step changes the state as Run does: whoever
// wants to know about a step that has run needs the state from before it.
func (p *Program) FirstNonFinite() (*NonFinite, error) {
	t, ok := p.exe.(ir.Tracer)
	if !ok {
		return nil, nil
	}
	if err := p.Sync(); err != nil {
		return nil, err
	}
	var first *NonFinite
	holds := make([]found, len(p.IR.Bufs))
	for i, b := range p.IR.Bufs {
		var a ir.Array
		switch b.Class {
		case ir.Input:
			a = p.exe.Host(i)
		case ir.State:
			a = p.states[i]
		case ir.Const:
			a = b.Data
		default:
			continue
		}
		var v float64
		if holds[i], v = lookAt(a); first == nil && holds[i] != 0 && b.Class != ir.Const {
			first = &NonFinite{Name: b.Name, Value: v, Class: b.Class}
		}
	}
	if first != nil {
		return first, p.Run()
	}
	of := func(b int) int { // the value that a view is part of
		for p.IR.Bufs[b].Viewed >= 0 {
			b = p.IR.Bufs[b].Viewed
		}
		return b
	}
	err := t.Trace(func(i int, result ir.Array) {
		in := p.IR.Instrs[i]
		var before found
		for _, b := range in.In {
			before |= holds[of(b)]
		}
		if strings.Contains(op.Key(in.Spec), "Inf") { // a mask's value
			before |= foundInf
		}
		after, v := lookAt(result)
		holds[in.Out] = after
		if first == nil && (after&foundNaN > before&foundNaN || after != 0 && before == 0) {
			first = &NonFinite{Name: in.Spec.Name(), Scope: in.Scope, In: p.IR.Types(in), Value: v}
		}
	})
	return first, err
}
