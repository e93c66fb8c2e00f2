package cuda

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"pool":    {bind: bindPool},
	"pool_dx": {scratch: scratchPoolBackward, bind: bindPoolBackward},
})

// windows are the parameters of the kernels that say how images x are pooled to y.
func windows(p op.Pool, x, y ir.Shape) []any {
	return []any{x[1], x[2], x[3], y[1], y[2], p.Kernel[0], p.Kernel[1], p.Stride[0], p.Stride[1], p.Pad[0], p.Pad[1],
		p.Adaptive, p.CountPad}
}

func bindPool(c *call) {
	p, x := c.spec.(op.PoolForward).Pool, c.in[0].Shape
	v, end := vector(x[3], c.x[0], c.y)
	c.flat("pool"+end, c.size()/v, append([]any{c.y, Ptr(0), c.x[0]}, append(windows(p, x, c.out.Shape), p.Max)...)...)
}

// scratchPoolBackward is for which pixel every window of a maximum picked.
func scratchPoolBackward(c *call) int {
	if !c.spec.(op.PoolBackward).Max {
		return 0
	}
	return 4 * c.in[0].Shape.Size()
}

func bindPoolBackward(c *call) {
	o, dy := c.spec.(op.PoolBackward), c.in[0].Shape
	how, picked := windows(o.Pool, c.out.Shape, dy), Ptr(0)
	if o.Max {
		picked = c.scratch
		v, end := vector(dy[3], c.x[1])
		c.flat("pool"+end, dy.Size()/v, append([]any{Ptr(0), picked, c.x[1]}, append(how, true)...)...)
	}
	v, end := vector(dy[3], c.x[0], c.y)
	c.flat("pool_dx"+end, c.size()/v, append([]any{c.y, c.x[0], picked}, how...)...)
}
