package cpu

import "selfsup/graph/op"

// maxAxes is the most axes that a value has.
const maxAxes = 8

// walk goes through all indices of a loop nest of at most maxAxes axes, keeping the offsets of up to two operands.
type walk struct {
	axes []op.Axis
	size int
}

func newWalk(axes []op.Axis) *walk {
	w := &walk{axes, 1}
	for _, a := range axes {
		w.size *= a.N
	}
	return w
}

// place is where a walk stands.
type place struct {
	index [maxAxes]int
	at    [2]int // offsets of the operands
}

// seek is place i of the walk.
func (w *walk) seek(i int) (p place) {
	for d := len(w.axes) - 1; d >= 0; d-- {
		a := &w.axes[d]
		p.index[d] = i % a.N
		i /= a.N
		for k, s := range a.Step {
			p.at[k] += p.index[d] * s
		}
	}
	return p
}

// next moves on by one.
func (w *walk) next(p *place) {
	for d := len(w.axes) - 1; d >= 0; d-- {
		a := &w.axes[d]
		p.index[d]++
		for k, s := range a.Step {
			p.at[k] += s
		}
		if p.index[d] < a.N {
			return
		}
		for k, s := range a.Step {
			p.at[k] -= a.N * s
		}
		p.index[d] = 0
	}
}
