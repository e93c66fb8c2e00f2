package cpu

import (
	"selfsup/graph/op"
	"selfsup/internal/assign"
)

// bindAssign runs on one core: one path follows the other.
func bindAssign(c *call) func() {
	x, y, n := c.x[0], c.yi, c.out.Shape[0]
	cost, matching := make([]float64, n*n), assign.NewMatching(n)
	return func() {
		for i, v := range x {
			cost[i] = float64(v)
		}
		op.AssignOp{}.Check(cost, n)
		for i, j := range matching.Of(cost) {
			y[i] = int32(j)
		}
	}
}
