package plan

import (
	"sort"

	"selfsup/graph/ir"
)

// schedule moves two kinds of instructions to the earliest place where they can run, so that large values die young:
// those that replace state and lead to nothing else (an optimiser's step runs as soon as its gradient exists and
// nobody still has to read the old parameter), and those whose result is a single number. Everything else stays in
// order of creation. Where several can run, those that replace state come last, side by side, so that a backend can
// do them in one walk over memory. With late set, those that replace state all run at the end instead, which costs the
// memory of all gradients and lets a backend do the steps of all parameters in few launches.
func schedule(p *ir.Program, late bool) error {
	producer := make([]int, len(p.Bufs))
	for i := range producer {
		producer[i] = -1
	}
	readers := make([][]int, len(p.Bufs))
	for i, in := range p.Instrs {
		producer[in.Out] = i
		for _, b := range in.In {
			readers[b] = append(readers[b], i)
		}
	}
	pinned := make([]bool, len(p.Bufs))
	for _, o := range p.Outputs {
		pinned[o.Buf] = true
	}
	replaces := map[int][]int{} // new value -> states
	for _, u := range p.Updates {
		replaces[u.New] = append(replaces[u.New], u.State)
	}
	tail := make([]bool, len(p.Instrs)) // replaces state, read only by others of the kind
	for i := len(p.Instrs) - 1; i >= 0; i-- {
		out := p.Instrs[i].Out
		tail[i] = len(replaces[out]) > 0 && !pinned[out]
		for _, r := range readers[out] {
			tail[i] = tail[i] && tail[r]
		}
	}
	// key is the place in the old order after which an instruction may run; an instruction that stays has its own.
	key := make([]int, len(p.Instrs))
	moved := make([]bool, len(p.Instrs))
	for i, in := range p.Instrs {
		key[i] = i
		moved[i] = tail[i] || p.Bufs[in.Out].Shape.Size() == 1
		if !moved[i] {
			continue
		}
		if late && tail[i] {
			key[i] = len(p.Instrs)
			continue
		}
		k := -1
		for _, b := range in.In {
			if from := producer[b]; from >= 0 {
				k = max(k, key[from])
			}
		}
		for _, st := range replaces[in.Out] {
			for _, r := range stateReaders(p, readers, st) {
				switch {
				case r < i:
					k = max(k, key[r])
				case r > i && !tail[r]: // made later, as a gradient that reads the queue whose rows i replaces
					k = max(k, r)
				}
			}
		}
		key[i] = k
	}
	order := make([]int, len(p.Instrs))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool {
		x, y := order[a], order[b]
		if key[x] != key[y] {
			return key[x] < key[y]
		}
		if moved[x] != moved[y] {
			return moved[y] // what stays comes before what waits for it
		}
		if tail[x] != tail[y] {
			return tail[y] // nothing else reads what these make
		}
		return x < y
	})
	instrs := make([]ir.Instr, len(order))
	for i, o := range order {
		instrs[i] = p.Instrs[o]
	}
	p.Instrs = instrs
	return nil
}

// stateReaders lists the instructions that read a state, directly or through a view.
func stateReaders(p *ir.Program, readers [][]int, state int) []int {
	rs := append([]int(nil), readers[state]...)
	for _, r := range readers[state] {
		if _, view := p.Instrs[r].Spec.(ir.Viewer); view {
			rs = append(rs, stateReaders(p, readers, p.Instrs[r].Out)...)
		}
	}
	return rs
}
