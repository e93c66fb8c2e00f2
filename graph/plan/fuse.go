package plan

import (
	"slices"

	"selfsup/graph/ir"
)

// fuse merges an operation into the one whose result only it reads, where that one says it can do both in one pass: batch norm and
// ReLU, residual sum and ReLU, product and bias. The value between them is never stored.
func fuse(p *ir.Program) error {
	readers := make([]int, len(p.Bufs))
	for _, in := range p.Instrs {
		for _, b := range in.In {
			readers[b]++
		}
	}
	for _, o := range p.Outputs {
		readers[o.Buf] += 2 // never only one
	}
	for _, u := range p.Updates {
		readers[u.New] += 2
	}
	producer := make([]int, len(p.Bufs))
	for i := range producer {
		producer[i] = -1
	}
	dead := make([]bool, len(p.Instrs))
	for i := range p.Instrs {
		in := &p.Instrs[i]
		for at, b := range in.In {
			from := producer[b]
			if from < 0 || readers[b] != 1 || dead[from] {
				continue
			}
			f, ok := p.Instrs[from].Spec.(ir.Fuser)
			if !ok {
				continue
			}
			spec, ok := f.Fuse(in.Spec, at, p.Types(*in))
			if !ok {
				continue
			}
			others := append(append([]int(nil), in.In[:at]...), in.In[at+1:]...)
			in.Spec, in.In = spec, append(append([]int(nil), p.Instrs[from].In...), others...)
			p.Bufs[in.Out].Name = spec.Name()
			dead[from] = true
			break
		}
		producer[in.Out] = i
	}
	remove(p, dead)
	return nil
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

// absorb merges an operation into all who read its result, where each of them can do it in passing: the gradient of a ReLU into both
// passes of the gradient of the batch norm before it.
func absorb(p *ir.Program) error {
	producer := make([]int, len(p.Bufs))
	for i := range producer {
		producer[i] = -1
	}
	for i, in := range p.Instrs {
		producer[in.Out] = i
	}
	maker := func(b int) (ir.Spec, []int) {
		if producer[b] < 0 {
			return nil, nil
		}
		in := p.Instrs[producer[b]]
		return in.Spec, in.In
	}
	pinned := make([]bool, len(p.Bufs))
	for _, o := range p.Outputs {
		pinned[o.Buf] = true
	}
	for _, u := range p.Updates {
		pinned[u.New] = true
	}
	readers := make([][]int, len(p.Bufs))
	for i, in := range p.Instrs {
		for _, b := range in.In {
			readers[b] = append(readers[b], i)
		}
	}
	dead := make([]bool, len(p.Instrs))
	for i, in := range p.Instrs {
		if pinned[in.Out] || len(readers[in.Out]) == 0 {
			continue
		}
		offers := make([]ir.Instr, 0, len(readers[in.Out]))
		for _, r := range readers[in.Out] {
			offer := p.Instrs[r]
			a, ok := offer.Spec.(ir.Absorber)
			if ok {
				offer.Spec, offer.In, ok = a.Absorb(offer.In, maker)
			}
			if !ok || slices.Contains(offer.In, in.Out) {
				break
			}
			offers = append(offers, offer)
		}
		if len(offers) < len(readers[in.Out]) {
			continue
		}
		for k, r := range readers[in.Out] {
			p.Instrs[r] = offers[k]
			for _, b := range offers[k].In {
				readers[b] = append(readers[b], r)
			}
		}
		for _, b := range in.In {
			readers[b] = slices.DeleteFunc(readers[b], func(r int) bool { return r == i })
		}
		dead[i] = true
	}
	remove(p, dead)
	return nil
}
