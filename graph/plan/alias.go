package plan

import (
	"fmt"

	"selfsup/graph/ir"
)

// root is the buffer whose memory b uses.
func root(p *ir.Program, b int) int {
	for p.Bufs[b].Root != b {
		b = p.Bufs[b].Root
	}
	return b
}

// lives finds for every root buffer the first instruction that writes and the last that reads it, views included.
// Outputs and new state live to the end.
func lives(p *ir.Program) (first, last []int) {
	first, last = make([]int, len(p.Bufs)), make([]int, len(p.Bufs))
	for i := range first {
		first[i], last[i] = -1, -1
	}
	for i, in := range p.Instrs {
		r := root(p, in.Out)
		if first[r] < 0 {
			first[r] = i
		}
		last[r] = i
		for _, b := range in.In {
			last[root(p, b)] = i
		}
	}
	for _, o := range p.Outputs {
		last[root(p, o.Buf)] = len(p.Instrs)
	}
	for _, u := range p.Updates {
		last[root(p, u.New)] = len(p.Instrs)
	}
	return first, last
}

// alias lets views share memory with what they view, new state overwrite old state, and elementwise results overwrite
// an operand that nobody reads afterwards.
func alias(p *ir.Program) error {
	kept := p.Instrs[:0]
	for _, in := range p.Instrs {
		if v, ok := in.Spec.(ir.Viewer); ok {
			out := &p.Bufs[in.Out]
			out.Viewed, out.From = in.In[0], v.View(p.Types(in))
			out.Root, out.Start = out.Viewed, out.From
			continue
		}
		kept = append(kept, in)
	}
	p.Instrs = kept

	pos := map[int]int{} // buf -> instruction that makes it
	for i, in := range p.Instrs {
		pos[in.Out] = i
	}
	_, last := lives(p)
	pinned := map[int]bool{}
	for _, o := range p.Outputs {
		pinned[root(p, o.Buf)] = true
	}
	// New state over old state.
	done := map[int]bool{}
	for _, u := range p.Updates {
		i, ok := pos[u.New]
		if !ok || pinned[u.New] || done[u.New] || last[u.State] > i || p.Bufs[u.New].Root != u.New {
			continue
		}
		in := p.Instrs[i]
		if reads(in, u.State, p) && !overwrites(p, in, u.State) {
			continue
		}
		p.Bufs[u.New].Root = u.State
		done[u.New] = true
	}
	// Elementwise results over operands that die here.
	_, last = lives(p)
	for i, in := range p.Instrs {
		ip, ok := in.Spec.(ir.InPlacer)
		if !ok || p.Bufs[in.Out].Root != in.Out {
			continue
		}
		for _, k := range ip.InPlace() {
			if k >= len(in.In) {
				continue
			}
			a := in.In[k]
			r := root(p, a)
			if p.Bufs[r].Class != ir.Temp || last[r] > i || !overwrites(p, in, a) {
				continue
			}
			if p.Bufs[r].Shape.Size() != p.Bufs[a].Shape.Size() {
				continue // a part of something larger
			}
			p.Bufs[in.Out].Root = r
			last[r] = last[in.Out]
			break
		}
	}
	if err := checkState(p); err != nil {
		return err
	}
	flatten(p)
	return nil
}

// checkState proves that nobody reads old state after new state took its place.
func checkState(p *ir.Program) error {
	newest := map[int]int{} // state -> new value that lies in it
	for i, in := range p.Instrs {
		for _, b := range in.In {
			viaNew := false
			r := b
			for ; p.Bufs[r].Root != r; r = p.Bufs[r].Root {
				n, ok := newest[p.Bufs[r].Root]
				viaNew = viaNew || ok && n == r
			}
			if _, ok := newest[r]; ok && !viaNew {
				return fmt.Errorf("instruction %d (%s) reads the old %s after its update", i, in.Spec.Name(),
					p.Bufs[r].Name)
			}
		}
		if r := p.Bufs[in.Out].Root; p.Bufs[r].Class == ir.State {
			newest[r] = in.Out
		}
	}
	return nil
}

// flatten makes every Root a buffer with memory of its own, and every Start count from there.
func flatten(p *ir.Program) {
	type place struct{ root, start int }
	flat := make([]place, len(p.Bufs))
	for b := range p.Bufs {
		r, start := b, 0
		for p.Bufs[r].Root != r {
			start += p.Bufs[r].Start
			r = p.Bufs[r].Root
		}
		flat[b] = place{r, start}
	}
	for b, f := range flat {
		p.Bufs[b].Root, p.Bufs[b].Start = f.root, f.start
	}
}

func reads(in ir.Instr, buf int, p *ir.Program) bool {
	for _, b := range in.In {
		if root(p, b) == buf {
			return true
		}
	}
	return false
}

// overwrites reports whether the result may use the memory of buffer a: the operation works in place on it, sizes
// agree, and no other operand shares the memory.
func overwrites(p *ir.Program, in ir.Instr, a int) bool {
	ip, ok := in.Spec.(ir.InPlacer)
	if !ok || p.Bufs[a].DType != p.Bufs[in.Out].DType || !p.Bufs[a].Shape.Equal(p.Bufs[in.Out].Shape) {
		return false
	}
	may := false
	for _, k := range ip.InPlace() {
		may = may || k < len(in.In) && in.In[k] == a
	}
	shared := 0
	for _, b := range in.In {
		if root(p, b) == root(p, a) {
			shared++
		}
	}
	return may && shared == 1
}

// check proves what the other passes promise: operands are made before they are read, no two living buffers share
// bytes, and nothing writes inputs or constants.
func check(p *ir.Program) error {
	made := map[int]bool{}
	for i, in := range p.Instrs {
		for _, b := range in.In {
			v := p.Bufs[b]
			if r := p.Bufs[v.Root]; r.Class == ir.Temp && !made[v.Root] {
				return fmt.Errorf("instruction %d (%s) reads %s before it is made", i, in.Spec.Name(), v.Name)
			}
		}
		out := p.Bufs[in.Out]
		made[out.Root] = true
		if c := p.Bufs[out.Root].Class; c != ir.Temp && c != ir.State {
			return fmt.Errorf("instruction %d (%s) would overwrite %s", i, in.Spec.Name(), p.Bufs[out.Root].Name)
		}
	}
	first, last := lives(p)
	var live []int
	for i := range p.Instrs {
		keep := live[:0]
		for _, b := range live {
			if last[b] >= i {
				keep = append(keep, b)
			}
		}
		live = keep
		r := p.Bufs[p.Instrs[i].Out].Root
		if p.Bufs[r].Class != ir.Temp || first[r] != i {
			continue
		}
		lo, hi := p.Bufs[r].Offset, p.Bufs[r].Offset+p.Bufs[r].Shape.Size()*p.Bufs[r].DType.Size()
		for _, b := range live {
			l, h := p.Bufs[b].Offset, p.Bufs[b].Offset+p.Bufs[b].Shape.Size()*p.Bufs[b].DType.Size()
			if lo < h && l < hi {
				return fmt.Errorf("%s and %s share bytes %d to %d while both live", p.Bufs[r].Name, p.Bufs[b].Name,
					max(lo, l), min(h, hi))
			}
		}
		live = append(live, r)
	}
	return nil
}
