// Package plan orders a lowered program and places its buffers: operations that one pass over memory can do become one,
// views become aliases, updates run as early as their readers allow and in place where they can, all temporaries share
// one arena by their lifetimes, and where that would be larger than wanted, cheap values are made again rather than
// kept.
package plan

import (
	"fmt"

	"selfsup/graph/ir"
)

// Align is the alignment of buffers in the arena, in bytes: one cache line, one AVX-512 vector.
const Align = 64

// Options are what a plan is to respect.
type Options struct {
	// Limit is the most bytes the arena may have, 0 for any number: where that is too little for all values that are
	// kept, cheap ones are computed again. If even so it is too little, the program is planned for the smallest arena
	// that was found, which its Arena tells, and which would do as a limit.
	Limit int
	// Narrows says whether the kernel of an operation on operands of types in takes one of them in bfloat16, or writes
	// its result so, operand ir.Result. nil: none does.
	Narrows func(s ir.Spec, in []ir.Type, operand int) bool
	// Supports says whether there is a kernel for an operation on operands of types in. What fuse and absorb make of
	// several operations is left apart where there is none. nil: there is one for everything.
	Supports func(s ir.Spec, in []ir.Type) bool
	// Late says that what replaces state should run at the end, side by side. Where there is a Limit it runs as early
	// as it can all the same.
	Late bool
}

// takes reports whether there is a kernel for an instruction of p.
func (o Options) takes(p *ir.Program, in ir.Instr) bool {
	return o.Supports == nil || o.Supports(in.Spec, p.Types(in))
}

// Plan runs all passes over p, in place.
func Plan(p *ir.Program, o Options) error {
	for _, pass := range []struct {
		name string
		run  func(*ir.Program) error
	}{
		{"fuse", func(p *ir.Program) error { return fuse(p, o) }},
		{"absorb", func(p *ir.Program) error { return absorb(p, o) }},
		{"protect", protect},
		{"narrow", func(p *ir.Program) error { return narrow(p, o.Narrows) }},
		{"pairs", pairs},
		{"schedule", func(p *ir.Program) error { return schedule(p, o.Late && o.Limit == 0) }},
		{"recompute", func(p *ir.Program) error { return recompute(p, o.Limit) }},
		{"alias", alias},
		{"arena", arena},
		{"check", check},
	} {
		if err := pass.run(p); err != nil {
			return fmt.Errorf("plan: %s: %w", pass.name, err)
		}
	}
	return nil
}

// Copy is the operation that moves a value to memory of its own.
type Copy struct{}

// Name implements ir.Spec.
func (Copy) Name() string { return "copy" }

// Infer implements ir.Spec.
func (Copy) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (Copy) Ref(in []ir.Tensor, out ir.Tensor) { copy(out.Data, in[0].Data) }

// protect gives a buffer of its own to every output and update that is not the result of an operation, or that views
// something which may change within the step: the host must find outputs unharmed, and updates must not read each
// other's results.
func protect(p *ir.Program) error {
	made := map[int]bool{}
	for _, in := range p.Instrs {
		if _, view := in.Spec.(ir.Viewer); !view {
			made[in.Out] = true
		}
	}
	copyOf := func(b int) int {
		c := len(p.Bufs)
		p.Bufs = append(p.Bufs, ir.Buf{Name: "copy", Type: p.Bufs[b].Type, Root: c, Viewed: -1, Node: p.Bufs[b].Node})
		p.Instrs = append(p.Instrs, ir.Instr{Spec: Copy{}, In: []int{b}, Out: c})
		return c
	}
	used := map[int]bool{}
	for i, o := range p.Outputs {
		if !made[o.Buf] {
			p.Outputs[i].Buf = copyOf(o.Buf)
		}
	}
	for i, u := range p.Updates {
		if !made[u.New] || used[u.New] {
			p.Updates[i].New = copyOf(u.New)
		}
		used[p.Updates[i].New] = true
	}
	return nil
}
