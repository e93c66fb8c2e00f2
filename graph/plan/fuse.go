package plan

import (
	"slices"

	"selfsup/graph/ir"
)

// fuse merges an operation into the one whose result only it reads, where that one says it can do both in one pass:
// batch norm and ReLU, residual sum and ReLU, product and bias. The value between them is never stored. The two run
// where the first one did, if all that the second one reads is there by then; else where the second one did, if nothing
// must be kept for it that would have been free in between. So of two branches' gradients by one weight it is the later
// one that takes the sum in. Operations for which the backend has no kernel that does both stay apart.
func fuse(p *ir.Program, o Options) error {
	u := usesOf(p)
	dead := make([]bool, len(p.Instrs))
	for i := range p.Instrs {
		for at := range p.Instrs[i].In {
			if both, place, gone, ok := u.fused(i, at); ok && o.takes(p, both) {
				p.Instrs[place] = both
				p.Bufs[both.Out].Name = both.Spec.Name()
				u.producer[both.Out] = place
				dead[gone] = true
				break
			}
		}
	}
	remove(p, dead)
	return nil
}

// fused is instruction i merged into the maker of its operand at. They run at place, which is that of one of the two;
// the other one is gone.
func (u *uses) fused(i, at int) (both ir.Instr, place, gone int, ok bool) {
	p, in := u.p, u.p.Instrs[i]
	b := in.In[at]
	from := u.producer[b]
	if from < 0 || len(u.direct[b]) != 1 || u.pinned[b] {
		return both, 0, 0, false
	}
	first := p.Instrs[from]
	f, ok := first.Spec.(ir.Fuser)
	if !ok {
		return both, 0, 0, false
	}
	spec, ok := f.Fuse(in.Spec, at, p.Types(in))
	if !ok {
		return both, 0, 0, false
	}
	others := slices.Concat(in.In[:at], in.In[at+1:])
	place, gone = from, i
	if slices.ContainsFunc(others, func(o int) bool { return u.producer[o] > from }) {
		place, gone = i, from
		if slices.ContainsFunc(first.In, func(o int) bool {
			return p.Bufs[o].Class == ir.Temp && !u.pinned[o] && u.last[o] < i
		}) {
			return both, 0, 0, false
		}
	}
	both = in
	both.Spec, both.In = spec, slices.Concat(first.In, others)
	return both, place, gone, true
}

// remove takes instructions out of a program.
func remove(p *ir.Program, dead []bool) {
	kept := p.Instrs[:0]
	for i, in := range p.Instrs {
		if !dead[i] {
			kept = append(kept, in)
		}
	}
	p.Instrs = kept
}
