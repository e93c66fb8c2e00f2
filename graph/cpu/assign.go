package cpu

import (
	"selfsup/graph/op"
	"selfsup/internal/assign"
)

// bindAssign runs on one core: one path follows the other.
func bindAssign(c *call) func() {
	x, y, n := c.x[0], c.yi, c.out.Shape.Last()
	cost, matching := make([]float64, n*n), assign.NewMatching(n)
	return func() {
		for at := 0; at < len(y); at += n {
			for i, v := range x[at*n : (at+n)*n] {
				cost[i] = float64(v)
			}
			op.AssignOp{}.Check(cost, n)
			for i, j := range matching.Of(cost) {
				y[at+i] = int32(j)
			}
		}
	}
}
