package cuda

var _ = add(map[string]lowering{
	"gather": {bind: bindGather},
})

func bindGather(c *call) {
	width := c.out.Shape.Size() / max(1, c.in[1].Shape.Size())
	c.flat("gather", c.size(), c.y, c.x[0], c.x[1], c.in[0].Shape[0], width, c.b.errors, c.at)
}
