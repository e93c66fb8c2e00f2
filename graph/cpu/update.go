package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func bindLerp(c *call) func() {
	y, a, b, t := c.y, c.x[0], c.x[1], c.x[2]
	return sweep(len(y), block, func(from, to int) { mix(y[from:to], a[from:to], b[from:to], t[0], 1-t[0]) })
}

// bindMoment, like bindMomentum, flushes: a moment whose gradient is 0 for good would decay to a subnormal number and stay there, slow.
func bindMoment(c *call) func() {
	o := c.spec.(op.Moment)
	y, m, g := c.y, c.x[0], c.x[1]
	s, t := float32(o.Beta), float32(1-o.Beta)
	return sweep(len(y), block, func(from, to int) {
		y, m, g := y[from:to], m[from:to], g[from:to]
		m, g = m[:len(y)], g[:len(y)]
		if !o.Square {
			for i := range y {
				y[i] = kern.Flush(s*m[i] + t*g[i])
			}
			return
		}
		for i := range y {
			y[i] = kern.Flush(s*m[i] + t*g[i]*g[i])
		}
	})
}

func bindMomentum(c *call) func() {
	mu := float32(c.spec.(op.Momentum).Mu)
	y, m, g, p, wd, ratio := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4]
	return sweep(len(y), block, func(from, to int) {
		y, m, g, p := y[from:to], m[from:to], g[from:to], p[from:to]
		m, g, p = m[:len(y)], g[:len(y)], p[:len(y)]
		wd, ratio := wd[0], ratio[0]
		for i := range y {
			y[i] = kern.Flush(mu*m[i] + ratio*(g[i]+wd*p[i]))
		}
	})
}

func bindDescend(c *call) func() {
	y, p, m, lr := c.y, c.x[0], c.x[1], c.x[2]
	return sweep(len(y), block, func(from, to int) { mix(y[from:to], p[from:to], m[from:to], 1, -lr[0]) })
}

func bindDescendNesterov(c *call) func() {
	mu := float32(c.spec.(op.DescendNesterov).Mu)
	y, p, m, g, lr, wd, ratio := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4], c.x[5]
	return sweep(len(y), block, func(from, to int) {
		y, p, m, g := y[from:to], p[from:to], m[from:to], g[from:to]
		p, m, g = p[:len(y)], m[:len(y)], g[:len(y)]
		lr, wd, ratio := lr[0], wd[0], ratio[0]
		for i := range y {
			y[i] = p[i] - lr*(ratio*(g[i]+wd*p[i])+mu*m[i])
		}
	})
}

func bindAdam(c *call) func() {
	o := c.spec.(op.Adam)
	y, p, m, v, lr, wd, step := c.y, c.x[0], c.x[1], c.x[2], c.x[3], c.x[4], c.x[5]
	var keep, rate, root float32 // 1 - lr*wd, lr over the bias correction of m, 1 over the root of that of v
	eps := float32(o.Eps)
	run := sweep(len(y), block, func(from, to int) {
		y, p, m, v := y[from:to], p[from:to], m[from:to], v[from:to]
		p, m, v = p[:len(y)], m[:len(y)], v[:len(y)]
		keep, rate, root, eps := keep, rate, root, eps
		for i := range y {
			y[i] = p[i]*keep - rate*m[i]/(sqrt(v[i])*root+eps)
		}
	})
	return func() {
		lr, wd, step := float64(lr[0]), float64(wd[0]), float64(step[0])
		keep = float32(1 - lr*wd)
		rate = float32(lr / (1 - math.Pow(o.Beta1, step)))
		root = float32(1 / math.Sqrt(1-math.Pow(o.Beta2, step)))
		run()
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
		s[0], s[1], s[2] = normsOf(p[from:to], g[from:to], wd[0])
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

// normsOf are the sums of squares of p, of g and of g + wd*p.
func normsOf(p, g []float32, wd float32) (pp, gg, uu float64) {
	for len(p) > 0 {
		n := min(len(p), few)
		var a, b, c float32
		q := g[:n]
		for i, v := range p[:n] {
			u := q[i] + wd*v
			a, b, c = a+v*v, b+q[i]*q[i], c+u*u
		}
		pp, gg, uu = pp+float64(a), gg+float64(b), uu+float64(c)
		p, g = p[n:], g[n:]
	}
	return pp, gg, uu
}

func scratchSumSq(c *call) int { return 2 * tasks(c.in[0].Shape.Size(), block) }

func bindSumSq(c *call) func() {
	x, y := c.x[0], c.y
	sum := total(len(x), block, c.scratch, func(from, to int) float64 { return sumOfSquares(x[from:to]) })
	return func() { y[0] = float32(sum()) }
}
