package cuda

import (
	"fmt"

	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"recurrent":      {bind: bindRecurrent},
	"recurrent_grad": {scratch: scratchRecurrentGrad, bind: bindRecurrentGrad},
})

// rowsOfBlock is how many rows of the batch a block has, whose states take `floats` numbers each: few enough that all
// of a large GPU has work, and that they fit the shared memory that every launch may have.
func rowsOfBlock(batch, floats int) int {
	rows := 4
	for rows > 1 && (rows*64 >= batch || 4*rows*floats > 48<<10) {
		rows /= 2
	}
	return rows
}

// recurrentThreads is how many threads a block has for states of size n.
func recurrentThreads(n, most int) int { return min(most, 32*ceil(n, 32)) }

func bindRecurrent(c *call) {
	o := c.spec.(op.Recurrent)
	batch, t, n := c.out.Shape[0], c.out.Shape[1], c.out.Shape[2]
	rows := rowsOfBlock(batch, 3*n)
	c.launch(fmt.Sprintf("%s_%d", o.Cell, rows), [3]int{ceil(batch, rows), 1, 1}, recurrentThreads(n, 512), 4*rows*3*n,
		c.y, c.x[0], c.x[1], c.x[2], batch, t, n)
}

// recurrentRoom are the sizes, in bytes, of the gates, the cells and the transposed weights.
func recurrentRoom(c *call) (gates, cells, weights int) {
	n := c.in[0].Shape.Size()
	return aligned(4 * 4 * n), aligned(4 * n), aligned(4 * c.in[2].Shape.Size())
}

func scratchRecurrentGrad(c *call) int {
	gates, cells, weights := recurrentRoom(c)
	return gates + cells + weights
}

func bindRecurrentGrad(c *call) {
	o, s := c.spec.(op.RecurrentGrad), c.in[0].Shape
	batch, t, n := s[0], s[1], s[2]
	dy, x, w, b, y := c.x[0], c.x[1], c.x[2], c.x[3], c.x[4]
	room, more, _ := recurrentRoom(c)
	gates := c.scratch
	cells := gates + Ptr(room)
	turned := cells + Ptr(more)
	wide := c.in[2].Shape[1]
	c.launch(o.Cell+"_gates", [3]int{ceil(batch*t, 8), 1, 1}, recurrentThreads(n, 256), 4*8*n, gates, x, w, b, y,
		batch*t, t, n)
	c.launch("turned", [3]int{ceil(wide, 32), ceil(n, 32), 1}, threads, 4*32*33, turned, w, n, wide)
	rows := rowsOfBlock(batch, 6*n)
	c.launch(fmt.Sprintf("%s_grad_%d", o.Cell, rows), [3]int{ceil(batch, rows), 1, 1}, recurrentThreads(n, 512),
		4*rows*6*n, c.y, cells, dy, gates, y, turned, batch, t, n)
}
