package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func scratchGram(c *call) int {
	o := c.spec.(op.GramOp)
	n, k := o.Dims(c.in[0].Shape)
	return kern.GramScratch(o.Columns, n, k)
}

func bindGram(c *call) func() {
	o, x, y, scratch := c.spec.(op.GramOp), c.x[0], c.y, c.scratch
	n, k := o.Dims(c.in[0].Shape)
	ld := c.in[0].Shape[1]
	return func() { kern.Gram(o.Columns, n, k, x, ld, y, n, scratch) }
}
