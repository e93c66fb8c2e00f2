package cuda

import "selfsup/graph/op"

var _ = add(map[string]lowering{
	"batch_stats":     {scratch: scratchStats, bind: bindStats},
	"batch_norm":      {bind: bindBatchNorm},
	"batch_norm_sums": {scratch: scratchNormSums, bind: bindNormSums},
	"batch_norm_dx":   {bind: bindNormBackward},
	"layer_norm":      {bind: bindLayerNorm},
	"layer_norm_dx":   {bind: bindLayerNormBackward},
	"layer_norm_sums": {scratch: scratchLayerNormSums, bind: bindLayerNormSums},
	"normalize":       {bind: bindNormalize},
	"normalize_grad":  {bind: bindNormalizeGrad},
})

// matrix is operand k as rows of its last axis.
func (c *call) matrix(k int) (rows, width int) {
	width = c.in[k].Shape.Last()
	return c.in[k].Shape.Size() / width, width
}

func scratchStats(c *call) int {
	rows, k := c.matrix(0)
	return room(1, rows, k, 1) // two floats a column
}

func bindStats(c *call) {
	rows, k := c.matrix(0)
	v, end := vector(k, c.x[0])
	m := forSums(1, rows, k, v)
	m.launch(c, "batch_stats"+end, 12*v, c.y, c.scratch, c.x[0])
	if m.high > 1 {
		m.finish(c, "batch_stats_finish", 2, c.y, c.scratch, rows, k, m.height, m.high)
	}
}

// optional is operand k, or null if there is none.
func (c *call) optional(k int) Ptr {
	if k < len(c.x) {
		return c.x[k]
	}
	return 0
}

func bindBatchNorm(c *call) {
	o := c.spec.(op.BatchNormOp)
	rows, k := c.matrix(0)
	n := len(c.x)
	var gamma, beta, residual Ptr
	if o.Residual {
		n--
		residual = c.x[n]
	}
	if n == 4 {
		gamma, beta = c.x[2], c.x[3]
	}
	v, end := vector(k, c.y, c.x[0], residual)
	forPasses(rows, k, v).launch(c, "batch_norm"+end, 0, c.y, c.x[0], c.x[1], gamma, beta, residual, o.Eps, o.Relu,
		o.Rounded)
}

func scratchNormSums(c *call) int {
	rows, k := c.matrix(0)
	return room(1, rows, k, 2)
}

func bindNormSums(c *call) {
	o := c.spec.(op.NormSums)
	rows, k := c.matrix(0)
	v, end := vector(k, c.x[0], c.x[1])
	m := forSums(1, rows, k, v)
	if m.sum(c, "batch_norm_sums"+end, 2, c.scratch, c.y, c.x[0], c.x[1], c.x[2], c.optional(3), c.optional(4), o.Eps,
		o.Relu) {
		m.finish(c, "two_sums_finish", 2, c.y, c.scratch, m.high, k)
	}
}

func bindNormBackward(c *call) {
	o := c.spec.(op.NormBackward)
	rows, k := c.matrix(0)
	sums := c.x[3]
	if o.Frozen {
		sums = 0
	}
	v, end := vector(k, c.y, c.x[0], c.x[1])
	forPasses(rows, k, v).launch(c, "batch_norm_dx"+end, 0, c.y, c.x[0], c.x[1], c.x[2], sums, c.optional(4),
		c.optional(5), o.Eps, 1/float64(rows), o.Relu)
}

func bindLayerNorm(c *call) {
	rows, k := c.matrix(0)
	c.rows("layer_norm", rows, k, c.y, c.x[0], c.x[1], c.x[2], c.spec.(op.LayerNormOp).Eps)
}

func bindLayerNormBackward(c *call) {
	rows, k := c.matrix(0)
	c.rows("layer_norm_dx", rows, k, c.y, c.x[0], c.x[1], c.x[2], c.spec.(op.LayerNormBackward).Eps)
}

func scratchLayerNormSums(c *call) int {
	rows, k := c.matrix(0)
	return aligned(8*rows) + room(1, rows, k, 2)
}

func bindLayerNormSums(c *call) {
	rows, k := c.matrix(0)
	stats := c.scratch
	sums := c.scratch + Ptr(aligned(8*rows))
	c.rows("row_stats", rows, k, stats, c.x[1], c.spec.(op.LayerNormSums).Eps)
	v, end := vector(k, c.x[0], c.x[1])
	m := forSums(1, rows, k, v)
	if m.sum(c, "layer_norm_sums"+end, 2, sums, c.y, c.x[0], c.x[1], stats) {
		m.finish(c, "two_sums_finish", 2, c.y, sums, m.high, k)
	}
}

func bindNormalize(c *call) {
	rows, k := c.matrix(0)
	c.rows("normalize", rows, k, c.y, c.x[0], c.spec.(op.NormalizeOp).Eps)
}

func bindNormalizeGrad(c *call) {
	rows, k := c.matrix(0)
	c.rows("normalize_grad", rows, k, c.y, c.x[0], c.x[1], c.spec.(op.NormalizeGrad).Eps)
}
