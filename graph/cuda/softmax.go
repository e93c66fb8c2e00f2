package cuda

import "selfsup/graph/op"

var _ = add(map[string]lowering{
	"softmax":            {bind: bindSoftmax},
	"softmax_grad":       {bind: bindSoftmaxGrad},
	"logsumexp":          {bind: bindLogSumExp},
	"cross_entropy":      {bind: bindCrossEntropy},
	"cross_entropy_grad": {bind: bindCrossEntropyGrad},
	"mask_diagonal":      {bind: bindDiagonal},
})

func bindSoftmax(c *call) {
	rows, k := c.matrix(0)
	c.rows("softmax", rows, k, c.y, c.x[0], c.spec.(op.SoftmaxOp).Log)
}

func bindSoftmaxGrad(c *call) {
	rows, k := c.matrix(0)
	c.rows("softmax_grad", rows, k, c.y, c.x[0], c.x[1], c.spec.(op.SoftmaxGrad).Log)
}

func bindLogSumExp(c *call) {
	rows, k := c.matrix(0)
	c.rows("logsumexp", rows, k, c.y, c.x[0])
}

// targets are operand k as a distribution, or as labels.
func (c *call) targets(o op.XEnt, k int) (soft, labels Ptr) {
	if o.Soft {
		return c.x[k], 0
	}
	return 0, c.x[k]
}

func bindCrossEntropy(c *call) {
	o := c.spec.(op.CrossEntropyOp)
	rows, k := c.matrix(0)
	soft, labels := c.targets(o.XEnt, 1)
	c.rows("cross_entropy", rows, k, c.y, c.x[0], soft, labels, o.Smoothing, c.b.errors, c.at)
}

func bindCrossEntropyGrad(c *call) {
	o := c.spec.(op.CrossEntropyGrad)
	rows, k := c.matrix(1)
	soft, labels := c.targets(o.XEnt, 2)
	c.rows("cross_entropy_grad", rows, k, c.y, c.x[0], c.x[1], soft, labels, o.Smoothing, c.b.errors, c.at)
}

func bindDiagonal(c *call) {
	c.flat("mask_diagonal", c.size(), c.y, c.x[0], c.spec.(op.DiagonalOp).Value, c.out.Shape.Last())
}
