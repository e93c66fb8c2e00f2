package op

import "selfsup/graph/ir"

// Axis is one axis of a loop nest: its size and the step of every operand along it.
type Axis struct {
	N    int
	Step []int
}

// MergeAxes makes the axes of a loop nest over shape, steps being the strides of each operand; axes of size 1 are left
// out, and neighbours that every operand walks evenly become one. There is always at least one.
func MergeAxes(shape ir.Shape, steps ...[]int) []Axis {
	var axes []Axis
	for d, n := range shape {
		if n == 1 {
			continue
		}
		a := Axis{N: n, Step: make([]int, len(steps))}
		for k := range steps {
			a.Step[k] = steps[k][d]
		}
		if last := len(axes) - 1; last >= 0 && even(axes[last], a) {
			axes[last] = Axis{axes[last].N * n, a.Step}
		} else {
			axes = append(axes, a)
		}
	}
	if axes == nil {
		one := Axis{N: 1, Step: make([]int, len(steps))}
		for k := range one.Step {
			one.Step[k] = 1
		}
		return []Axis{one}
	}
	return axes
}

// even reports whether walking outer is going on where inner ends, for every operand.
func even(outer, inner Axis) bool {
	for k := range inner.Step {
		if outer.Step[k] != inner.N*inner.Step[k] {
			return false
		}
	}
	return true
}

// Strides are the steps of a dense value.
func Strides(s ir.Shape) []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}
