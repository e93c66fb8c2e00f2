package plan

import "selfsup/graph/ir"

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
