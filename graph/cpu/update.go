package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func passLerp(c *call) pass {
	y, a, b, t := c.y, c.x[0], c.x[1], c.x[2]
	return pass{part: func(from, to int) { kern.Mix(y[from:to], a[from:to], b[from:to], t[0], 1-t[0]) }}
}

// passMoment, like passMomentum, flushes: a moment whose gradient is 0 for good would decay to a subnormal number and
// stay there, slow.
func passMoment(c *call) pass {
	o := c.spec.(op.Moment)
	y, m, g := c.y, c.x[0], c.x[1]
	mix, s, t := kern.Mix, float32(o.Beta), float32(1-o.Beta)
	if o.Square {
		mix = kern.MixSquare
	}
	return pass{part: func(from, to int) { mix(y[from:to], m[from:to], g[from:to], s, t) }}
}

func passMomentum(c *call) pass {
	mu := float32(c.spec.(op.Momentum).Mu)
	y, m, g, p, wd, ratio := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4]
	return pass{part: func(from, to int) {
		kern.Momentum(y[from:to], m[from:to], g[from:to], p[from:to], mu, ratio[0], wd[0])
	}}
}

func passDescend(c *call) pass {
	y, p, m, lr := c.y, c.x[0], c.x[1], c.x[2]
	return pass{part: func(from, to int) { kern.Mix(y[from:to], p[from:to], m[from:to], 1, -lr[0]) }}
}

func passDescendNesterov(c *call) pass {
	mu := float32(c.spec.(op.DescendNesterov).Mu)
	y, p, m, g, lr, wd, ratio := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4], c.x[5]
	return pass{part: func(from, to int) {
		kern.Nesterov(y[from:to], p[from:to], m[from:to], g[from:to], mu, ratio[0], wd[0], lr[0])
	}}
}

func passAdam(c *call) pass {
	o := c.spec.(op.Adam)
	y, p, m, v, lr, wd, step := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4], c.x[5]
	var keep, rate, root float32 // 1 - lr*wd, lr over the bias correction of m, 1 over the root of that of v
	eps := float32(o.Eps)
	return pass{
		before: func() {
			lr, wd, step := float64(lr[0]), float64(wd[0]), float64(step[0])
			keep = float32(1 - lr*wd)
			rate = float32(lr / (1 - math.Pow(o.Beta1, step)))
			root = float32(1 / math.Sqrt(1-math.Pow(o.Beta2, step)))
		},
		part: func(from, to int) { kern.Adam(y[from:to], p[from:to], m[from:to], v[from:to], keep, rate, root, eps) },
	}
}

func scratchTrustRatio(c *call) int { return 3 * 2 * tasks(c.in[0].Shape.Size(), block) }

func bindTrustRatio(c *call) func() {
	o := c.spec.(op.TrustRatio)
	y, p, g, wd, lr := c.y, c.x[0], c.x[1], c.x[2], c.x[3]
	n, parts := len(p), tasks(len(p), block)
	sums := doubles(c.scratch, 3*parts)
	run := sweep(n, block, func(from, to int) {
		s := sums[from/block*3:][:3]
		s[0], s[1], s[2] = kern.Norms(p[from:to], g[from:to], wd[0])
	})
	return func() {
		run()
		var pp, gg, uu float64
		for i := 0; i < len(sums); i += 3 {
			pp, gg, uu = pp+sums[i], gg+sums[i+1], uu+sums[i+2]
		}
		y[0] = float32(o.Ratio(pp, gg, uu, float64(wd[0]), float64(lr[0])))
	}
}

func scratchSumSq(c *call) int { return 2 * tasks(c.in[0].Shape.Size(), block) }

func bindSumSq(c *call) func() {
	x, y := c.x[0], c.y
	sum := total(len(x), block, c.scratch, func(from, to int) float64 { return kern.Dot(x[from:to], x[from:to]) })
	return func() { y[0] = float32(sum()) }
}
