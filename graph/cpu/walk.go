package cpu

import "selfsup/graph/ir"

// maxAxes is the most axes that a value has.
const maxAxes = 8

// axis is one axis of a loop nest: its size and the step of every operand along it.
type axis struct {
	n    int
	step []int
}

// merge makes the axes of a loop nest over shape, steps being the strides of each operand; axes of size 1 are left out,
// and neighbours that every operand walks evenly become one. There is always at least one.
func merge(shape ir.Shape, steps ...[]int) []axis {
	var axes []axis
	for d, n := range shape {
		if n == 1 {
			continue
		}
		a := axis{n: n, step: make([]int, len(steps))}
		for k := range steps {
			a.step[k] = steps[k][d]
		}
		if last := len(axes) - 1; last >= 0 && even(axes[last], a) {
			axes[last] = axis{axes[last].n * n, a.step}
		} else {
			axes = append(axes, a)
		}
	}
	if axes == nil {
		one := axis{n: 1, step: make([]int, len(steps))}
		for k := range one.step {
			one.step[k] = 1
		}
		return []axis{one}
	}
	return axes
}

// even reports whether walking outer is going on where inner ends, for every operand.
func even(outer, inner axis) bool {
	for k := range inner.step {
		if outer.step[k] != inner.n*inner.step[k] {
			return false
		}
	}
	return true
}

// walk goes through all indices of a loop nest of at most maxAxes axes, keeping the offsets of up to two operands.
type walk struct {
	axes []axis
	size int
}

func newWalk(axes []axis) *walk {
	w := &walk{axes, 1}
	for _, a := range axes {
		w.size *= a.n
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
		p.index[d] = i % a.n
		i /= a.n
		for k, s := range a.step {
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
		for k, s := range a.step {
			p.at[k] += s
		}
		if p.index[d] < a.n {
			return
		}
		for k, s := range a.step {
			p.at[k] -= a.n * s
		}
		p.index[d] = 0
	}
}

// strides are the steps of a dense value.
func strides(s ir.Shape) []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}
