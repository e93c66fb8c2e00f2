package plan

import (
	"cmp"
	"slices"

	"selfsup/graph/ir"
)

// span is a temporary root: the instructions over which it lives, its bytes, and its place in the arena.
type span struct{ buf, from, to, size, at int }

// orders in which spans are placed. None is best for all programs.
var orders = []func(a, b span) int{
	func(a, b span) int { return b.size - a.size },
	func(a, b span) int { return cmp.Compare(b.size*(b.to-b.from), a.size*(a.to-a.from)) },
	func(a, b span) int { return a.from - b.from },
	func(a, b span) int { return b.to - a.to },
	func(a, b span) int { return cmp.Compare(b.to-b.from, a.to-a.from) },
}

// arena gives every temporary root an offset, each at the lowest place that is free for its whole life, in the order
// that needs least memory: largest first, or largest and longest, or as they are made.
func arena(p *ir.Program) error {
	first, last := lives(p)
	var spans []span
	for b := range p.Bufs {
		if ownTemp(p, b) && first[b] >= 0 {
			spans = append(spans, span{buf: b, from: first[b], to: last[b], size: padded(p, b)})
		}
	}
	for i, order := range orders {
		slices.SortStableFunc(spans, order)
		if size := place(spans); i == 0 || size < p.Arena {
			p.Arena = size
			for _, s := range spans {
				p.Bufs[s.buf].Offset = s.at
			}
		}
	}
	return nil
}

// place sets the places of spans, one after the other, and returns the bytes that they take.
func place(spans []span) (size int) {
	placed := make([]span, 0, len(spans)) // in order of place
	for i := range spans {
		s := &spans[i]
		s.at = 0
		for _, q := range placed {
			if q.from > s.to || s.from > q.to {
				continue
			}
			if q.at-s.at >= s.size {
				break
			}
			s.at = max(s.at, q.at+q.size)
		}
		size = max(size, s.at+s.size)
		k, _ := slices.BinarySearchFunc(placed, s.at+1, func(q span, at int) int { return q.at - at })
		placed = slices.Insert(placed, k, *s)
	}
	return size
}
