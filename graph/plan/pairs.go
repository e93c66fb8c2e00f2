package plan

import (
	"slices"

	"selfsup/graph/ir"
)

// pairs finds neighbours that read the same value and not each other, as the two gradients of a product are, and lets
// the one run first that leaves less memory in use: the gradient by the weights, where what the layer read dies with
// it. What comes first moves on past others of the kind. Operations that work in place take no memory of their own and
// stay.
func pairs(p *ir.Program) error {
	u := usesOf(p)
	for i := range len(p.Instrs) - 1 {
		for j := i; j >= 0 && u.better(j); j-- {
			p.Instrs[j], p.Instrs[j+1] = p.Instrs[j+1], p.Instrs[j]
			u = usesOf(p)
		}
	}
	return nil
}

// better reports whether instructions i and i+1 may change places, and should.
func (u *uses) better(i int) bool {
	x, y := u.p.Instrs[i], u.p.Instrs[i+1]
	if !alone(x) || !alone(y) || slices.Contains(y.In, x.Out) || !slices.ContainsFunc(x.In, func(b int) bool {
		return slices.Contains(y.In, b)
	}) {
		return false
	}
	made := size(u.p, x.Out) + size(u.p, y.Out)
	return max(size(u.p, y.Out), made-u.freed(y, x, i+1)) < max(size(u.p, x.Out), made-u.freed(x, y, i+1))
}

// alone reports whether an operation has a result that lies elsewhere than its operands.
func alone(in ir.Instr) bool {
	_, view := in.Spec.(ir.Viewer)
	_, inPlace := in.Spec.(ir.InPlacer)
	return !view && !inPlace
}

// freed is the bytes of temporaries that nobody needs after in, if it runs before the other one of the two; end is the
// place of the second.
func (u *uses) freed(in, other ir.Instr, end int) (bytes int) {
	others := map[int]bool{}
	for _, b := range other.In {
		others[u.viewed(b)] = true
	}
	for _, b := range in.In {
		b = u.viewed(b)
		if u.p.Bufs[b].Class == ir.Temp && !u.pinned[b] && !others[b] && u.last[b] <= end {
			bytes += size(u.p, b)
			others[b] = true
		}
	}
	return bytes
}

// viewed is what b is a view of, itself if of nothing.
func (u *uses) viewed(b int) int {
	for u.producer[b] >= 0 {
		in := u.p.Instrs[u.producer[b]]
		if _, view := in.Spec.(ir.Viewer); !view {
			break
		}
		b = in.In[0]
	}
	return b
}
