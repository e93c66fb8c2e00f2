package cuda

import "selfsup/graph/ir"

var _ = add(map[string]lowering{
	"gather_tokens":  {bind: bindGatherTokens},
	"scatter_tokens": {bind: bindScatterTokens},
	"put_at":         {bind: bindPutAt},
	"put_rows":       {bind: bindPutRows},
	"mirror":         {bind: bindMirror},
})

func bindGatherTokens(c *call) {
	tokens, k, width := c.in[0].Shape[1], c.out.Shape[1], c.out.Shape[2]
	v, end := vector(width, c.y, c.x[0])
	c.flat("gather_tokens"+end, c.size()/v, c.y, c.x[0], c.x[1], tokens, k, width, c.b.errors, c.at)
}

// warps is the number of blocks of 8 warps for n tasks of a warp each.
func warps(n int) [3]int { return [3]int{ceil(n, threads/32), 1, 1} }

func bindScatterTokens(c *call) {
	k, tokens, width := c.in[0].Shape[1], c.out.Shape[1], c.out.Shape[2]
	_, end := vector(width, c.y, c.x[0])
	n := c.out.Shape[0] * tokens
	c.launch("scatter_tokens"+end, warps(n), threads, 0, c.y, c.x[0], c.x[1], tokens, k, width, c.b.errors, c.at, n)
}

func bindPutAt(c *call) {
	k, n := c.in[0].Shape[0], c.in[2].Shape[0]
	width := c.size() / k
	counter, place := Ptr(0), c.x[1]
	if c.in[1].DType == ir.I32 {
		counter, place = c.x[1], 0
	}
	size := c.size()
	if c.y == c.x[0] {
		size = n * width
	}
	c.flat("put_at", size, c.y, c.x[0], counter, place, c.x[2], k, n, width, c.b.errors, c.at)
}

func bindPutRows(c *call) {
	n, rows := c.in[2].Shape[0], c.in[0].Shape[0]
	if c.y != c.x[0] {
		c.flat("keep_rows", c.size(), c.y, c.x[0])
	}
	c.launch("put_rows", warps(n), threads, 0, c.y, c.x[2], c.x[1], n, rows, c.size()/rows, c.b.errors, c.at)
}

func bindMirror(c *call) { c.flat("mirror", c.size(), c.y, c.x[0], c.out.Shape.Last()) }
