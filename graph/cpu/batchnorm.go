package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func statsColumns(c *call) columns {
	n := c.in[0].Shape.Last()
	return columnsOf(c.in[0].Shape.Size()/n, n, 2)
}

func scratchStats(c *call) int {
	o := statsColumns(c)
	return o.scratch() + o.c + scratchHalfRows(c.in[0], o.c)
}

// bindStats sums x - pivot and its square in one pass, the pivot of a channel being its first value, so that a mean far
// from 0 costs no precision: var = E d^2 - (E d)^2 with d of the size of the spread.
func bindStats(c *call) func() {
	x, xh, y, o := c.x[0], c.xh[0], c.y, statsColumns(c)
	n, count := len(y)/2, float64(o.rows*o.fold)
	pivot := c.scratch[o.scratch():][:o.c]
	o.part = func(_ int, s []float64, row0, row1, col0, col1 int) {
		kern.AddSpread(s[:col1-col0], s[col1-col0:], x, pivot, o.c, row0, row1, col0, col1)
	}
	if xh != nil {
		half := newHalfRows(xh, o.c, c.scratch[o.scratch()+o.c:])
		o.part = func(worker int, s []float64, row0, row1, col0, col1 int) {
			half.each(worker, row0, row1, col0, col1, func(_ int, x []float32, rows int) {
				kern.AddSpread(s[:col1-col0], s[col1-col0:], x, pivot, o.c, 0, rows, col0, col1)
			})
		}
	}
	o.done = func(s []float64, col0, col1 int) {
		for i, d := range s[:col1-col0] {
			d /= count
			y[col0+i] = float32(float64(pivot[col0+i]) + d)
			y[n+col0+i] = float32(max(0, s[col1-col0+i]/count-d*d))
		}
	}
	run := o.run(c.scratch)
	return func() {
		if xh != nil {
			kern.Widen(pivot[:n], xh)
		} else {
			copy(pivot[:n], x)
		}
		repeat(pivot, n)
		run()
	}
}

// repeats is how often coefficients of n channels are written one after the other, so that a pass over narrow rows
// takes several at once.
func repeats(n int) int { return max(1, 512/n) }

// repeat fills s with copies of its first n elements.
func repeat(s []float32, n int) {
	for i := n; i < len(s); i *= 2 {
		copy(s[i:], s[:i])
	}
}

func scratchBatchNorm(c *call) int {
	n := c.out.Shape.Last()
	return 2*n*repeats(n) + scratchChunks(c, n)
}

func bindBatchNorm(c *call) func() {
	o := c.spec.(op.BatchNormOp)
	n := c.out.Shape.Last()
	stats, affine := c.x[1], c.x[2:]
	step := n * repeats(n)
	a, b := c.take(step), c.take(step)
	pass := normPass(c, o, step, a, b)
	if o.Residual {
		affine = affine[:len(affine)-1]
	}
	return func() {
		scaleShift(a[:n], b[:n], stats, o.Eps, affine)
		repeat(a, n)
		repeat(b, n)
		pass()
	}
}

// normPass makes the pass of a batch norm whose scale is a and whose shift is b, both repeated over step elements.
func normPass(c *call, o op.BatchNormOp, step int, a, b []float32) func() {
	n, last := c.out.Shape.Last(), len(c.x)-1
	// steps calls f for all elements, at most step of them, from the first channel on.
	steps := func(f func(from, to int)) func() {
		return sweep(c.out.Shape.Size()/n, rowsOf(n), func(from, to int) {
			for i := from * n; i < to*n; i += step {
				f(i, min(i+step, to*n))
			}
		})
	}
	x, y := c.xh[0], c.yh
	switch {
	case x != nil && y == nil && !o.Residual && !o.Rounded:
		return steps(func(i, j int) { kern.ScaleShiftHalf(c.y[i:j], x[i:j], a, b, o.Relu) })
	case x != nil && y != nil && o.Residual && o.Relu:
		r := c.values(last)
		return steps(func(i, j int) { kern.ScaleShiftAddReluHalf(y[i:j], x[i:j], a, b, r.From(i)) })
	}
	operands := []int{0}
	if o.Residual {
		operands = append(operands, last)
	}
	return passChunks(c, operands, n, func(y []float32, x [][]float32) {
		for i := 0; i < len(y); i += step {
			end := min(i+step, len(y))
			if o.Residual {
				kern.ScaleShiftAdd(y[i:end], x[0][i:end], a, b, x[1][i:end], o.Relu)
			} else {
				kern.ScaleShift(y[i:end], x[0][i:end], a, b, o.Relu)
			}
		}
		if o.Rounded && c.yh == nil {
			kern.RoundFloats(y)
		}
	})
}

// scaleShift sets a and b so that the norm is x*a + b; affine is gamma and beta, or nothing. Backward passes find the
// sign of the norm by the same numbers.
func scaleShift(a, b, stats []float32, eps float64, affine [][]float32) {
	n := len(a)
	for k := range a {
		gamma, beta := 1.0, 0.0
		if len(affine) == 2 {
			gamma, beta = float64(affine[0][k]), float64(affine[1][k])
		}
		s := gamma * rstd(stats[n+k], eps)
		a[k], b[k] = float32(s), float32(beta-float64(stats[k])*s)
	}
}

// rstd is 1/sqrt(variance + eps).
func rstd(variance float32, eps float64) float64 { return 1 / math.Sqrt(float64(variance)+eps) }

func normColumns(c *call) columns {
	n := c.out.Shape.Last()
	return columnsOf(c.in[0].Shape.Size()/n, n, 2)
}

func scratchNormSums(c *call) int {
	o := normColumns(c)
	return o.scratch() + 3*o.c + scratchHalfRows(c.in[1], o.c)
}

func bindNormSums(c *call) func() {
	spec := c.spec.(op.NormSums)
	dy, x, stats, y, o := c.x[0], c.x[1], c.x[2], c.y, normColumns(c)
	n := len(y) / 2
	perColumn := c.scratch[o.scratch():]
	mean, a, b := perColumn[:o.c], perColumn[o.c:][:o.c], perColumn[2*o.c:][:o.c]
	add := func(s []float64, dy, x []float32, row0, row1, col0, col1 int) {
		if spec.Relu {
			kern.AddCentredRelu(s[:col1-col0], s[col1-col0:], dy, x, mean, a, b, o.c, row0, row1, col0, col1)
		} else {
			kern.AddCentred(s[:col1-col0], s[col1-col0:], dy, x, mean, o.c, row0, row1, col0, col1)
		}
	}
	o.part = func(_ int, s []float64, row0, row1, col0, col1 int) { add(s, dy, x, row0, row1, col0, col1) }
	if xh := c.xh[1]; xh != nil {
		half := newHalfRows(xh, o.c, perColumn[3*o.c:])
		o.part = func(worker int, s []float64, row0, row1, col0, col1 int) {
			half.each(worker, row0, row1, col0, col1, func(first int, x []float32, rows int) {
				add(s, dy[first*o.c:], x, 0, rows, col0, col1)
			})
		}
	}
	o.done = func(s []float64, col0, col1 int) {
		for i, v := range s[:col1-col0] {
			y[col0+i] = float32(v)
			y[n+col0+i] = float32(s[col1-col0+i] * rstd(stats[n+col0+i], spec.Eps))
		}
	}
	run := o.run(c.scratch)
	return func() {
		copy(mean[:n], stats)
		repeat(mean, n)
		if spec.Relu {
			scaleShift(a[:n], b[:n], stats, spec.Eps, c.x[3:])
			repeat(a, n)
			repeat(b, n)
		}
		run()
	}
}

// normGradientFloats are the numbers of a batch norm's gradient of n channels: five a channel, as often as repeats
// says.
func normGradientFloats(n int) int { return 5 * n * repeats(n) }

// normGradientOf is a gradient of n channels whose numbers lie in room.
func normGradientOf(o op.NormBackward, n int, room []float32) (g kern.NormGradient) {
	step := n * repeats(n)
	g.A, g.B, g.C = room[:step], room[step:2*step], room[2*step:3*step]
	if o.Relu {
		g.Scale, g.Shift = room[3*step:4*step], room[4*step:5*step]
	}
	return g
}

// setNormGradient fills in the numbers of this step, from the gradient's operands.
func setNormGradient(g kern.NormGradient, o op.NormBackward, in [][]float32) {
	stats, sums := in[2], in[3]
	n := len(stats) / 2
	count := float64(len(in[0]) / n)
	for k := range n {
		r := rstd(stats[n+k], o.Eps)
		s := r
		if len(in) > 4 {
			s *= float64(in[4][k])
		}
		u, v := float64(sums[k])/count, float64(sums[n+k])/count*r
		if o.Frozen {
			u, v = 0, 0
		}
		g.A[k], g.B[k], g.C[k] = float32(s), float32(-s*v), float32(s*(float64(stats[k])*v-u))
	}
	if o.Relu {
		scaleShift(g.Scale[:n], g.Shift[:n], stats, o.Eps, in[4:])
	}
	for _, s := range [][]float32{g.A, g.B, g.C, g.Scale, g.Shift} {
		repeat(s, n)
	}
}

func scratchNormGrad(c *call) int { return normGradientFloats(c.out.Shape.Last()) }

func bindNormGrad(c *call) func() {
	o, n := c.spec.(op.NormBackward), c.out.Shape.Last()
	dy, x, out := c.x[0], c.values(1), kern.Values{F32: c.y, BF16: c.yh}
	g := normGradientOf(o, n, c.take(normGradientFloats(n)))
	step := len(g.A)
	run := sweep(c.out.Shape.Size()/n, rowsOf(n), func(from, to int) {
		if out.BF16 == nil && x.BF16 == nil && (o.Relu || !o.Frozen) {
			g.Move(out.F32[from*n:to*n], dy[from*n:], x.F32[from*n:])
			return
		}
		for i := from * n; i < to*n; i += step {
			end := min(i+step, to*n)
			dy, x := dy[i:end], x.From(i)
			switch dx := out.From(i); {
			case out.BF16 != nil && o.Relu:
				kern.CombineReluHalves(dx.BF16[:len(dy)], dy, x.BF16, g.Scale, g.Shift, g.A, g.B, g.C)
			case out.BF16 != nil:
				kern.CombineHalves(dx.BF16[:len(dy)], dy, x.BF16, g.A, g.B, g.C)
			case o.Relu:
				kern.CombineReluHalf(dx.F32[:len(dy)], dy, x.BF16, g.Scale, g.Shift, g.A, g.B, g.C)
			case o.Frozen:
				kern.Multiply(dx.F32[:len(dy)], dy, g.A)
			default:
				kern.CombineHalf(dx.F32[:len(dy)], dy, x.BF16, g.A, g.B, g.C)
			}
		}
	})
	return func() {
		setNormGradient(g, o, c.x)
		run()
	}
}

func passRunning(c *call) pass {
	o := c.spec.(op.Running)
	old, stats, y := c.x[0], c.x[1], c.y
	keep, mean, variance := float32(1-o.Momentum), float32(o.Momentum), float32(o.Momentum*o.Unbias())
	n := len(y) / 2 // means, then variances
	return pass{part: func(from, to int) {
		if from < n {
			k := min(to, n)
			kern.Mix(y[from:k], old[from:k], stats[from:k], keep, mean)
			from = k
		}
		if from < to {
			kern.Mix(y[from:to], old[from:to], stats[from:to], keep, variance)
		}
	}}
}
