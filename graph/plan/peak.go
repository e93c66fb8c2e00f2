package plan

import "selfsup/graph/ir"

// Peak is the instruction of a planned program at which temporaries take most memory, the roots that live then, and
// their bytes. The arena is at least that large.
func Peak(p *ir.Program) (at int, live []int, bytes int) {
	for i, n := range liveBytes(p) {
		if n > bytes {
			at, bytes = i, n
		}
	}
	first, last := lives(p)
	for b := range p.Bufs {
		if ownTemp(p, b) && first[b] >= 0 && first[b] <= at && at <= last[b] {
			live = append(live, b)
		}
	}
	return at, live, bytes
}

// liveBytes is what temporaries take at every instruction.
func liveBytes(p *ir.Program) []int {
	first, last := lives(p)
	live := make([]int, len(p.Instrs)+2) // changes at first
	for b := range p.Bufs {
		if ownTemp(p, b) && first[b] >= 0 {
			live[first[b]] += padded(p, b)
			live[last[b]+1] -= padded(p, b)
		}
	}
	for i := range p.Instrs[:max(0, len(p.Instrs)-1)] {
		live[i+1] += live[i]
	}
	return live[:len(p.Instrs)]
}

// ownTemp reports whether buffer b is a temporary with memory of its own.
func ownTemp(p *ir.Program, b int) bool { return p.Bufs[b].Class == ir.Temp && p.Bufs[b].Root == b }

// padded is what a buffer takes in the arena.
func padded(p *ir.Program, b int) int { return (size(p, b) + Align - 1) / Align * Align }
