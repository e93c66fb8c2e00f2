package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// prologueOf is room for the numbers of a norm of the images, of n channels.
func prologueOf(o op.ImageNorm, n int) kern.Prologue {
	if !o.On {
		return kern.Prologue{}
	}
	size := n * repeats(n)
	return kern.Prologue{Scale: make([]float32, size), Shift: make([]float32, size), Relu: o.Relu}
}

// setPrologue fills in the numbers of this step, from the operands behind images and weights.
func setPrologue(p kern.Prologue, o op.ImageNorm, c *call) {
	if !o.On {
		return
	}
	n := c.in[0].Shape.Last()
	scaleShift(p.Scale[:n], p.Shift[:n], c.x[2], o.Eps, c.x[3:])
	repeat(p.Scale, n)
	repeat(p.Shift, n)
}
