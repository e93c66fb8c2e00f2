package cpu

import (
	"math"

	"selfsup/graph/op"
)

func bindNormalize(c *call) func() {
	eps, x, y, k := c.spec.(op.NormalizeOp).Eps, c.x[0], c.y, c.out.Shape.Last()
	return sweep(len(y)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			row := x[i : i+k]
			mulVS(y[i:i+k], row, float32(1/max(math.Sqrt(sumOfSquares(row)), eps)))
		}
	})
}

func bindNormalizeGrad(c *call) func() {
	eps, dy, x, dx, k := c.spec.(op.NormalizeGrad).Eps, c.x[0], c.x[1], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			length := math.Sqrt(sumOfSquares(x[i : i+k]))
			if length <= eps {
				mulVS(dx[i:i+k], dy[i:i+k], float32(1/eps))
				continue
			}
			along := dotOf(x[i:i+k], dy[i:i+k]) / length / length
			mix(dx[i:i+k], dy[i:i+k], x[i:i+k], float32(1/length), float32(-along/length))
		}
	})
}

// moments is the mean of a row and 1/sqrt(variance + eps).
func moments(row []float32, eps float64) (mean, rstd float32) {
	m := sumOf(row) / float64(len(row))
	mean = float32(m)
	var ss float64
	for p := row; len(p) > 0; {
		n := min(len(p), few)
		ss += spreadOf(p[:n], mean)
		p = p[n:]
	}
	return mean, float32(1 / math.Sqrt(ss/float64(len(row))+eps))
}

// spreadOf is the sum of (x - mean)^2 over few elements, in four lanes.
func spreadOf(x []float32, mean float32) float64 {
	var a, b, c, d float32
	for len(x) >= 4 {
		e, f, g, h := x[0]-mean, x[1]-mean, x[2]-mean, x[3]-mean
		a, b, c, d = a+e*e, b+f*f, c+g*g, d+h*h
		x = x[4:]
	}
	for _, v := range x {
		a += (v - mean) * (v - mean)
	}
	return float64((a + b) + (c + d))
}

func bindLayerNorm(c *call) func() {
	eps, x, gamma, beta, y, k := c.spec.(op.LayerNormOp).Eps, c.x[0], c.x[1], c.x[2], c.y, c.out.Shape.Last()
	return sweep(len(y)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			x, y, gamma, beta := x[i:i+k], y[i:i+k], gamma[:k], beta[:k]
			mean, rstd := moments(x, eps)
			for j, v := range x {
				y[j] = (v-mean)*rstd*gamma[j] + beta[j]
			}
		}
	})
}

func bindLayerNormGrad(c *call) func() {
	eps, dy, x, gamma, dx, k := c.spec.(op.LayerNormBackward).Eps, c.x[0], c.x[1], c.x[2], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			dy, x, dx, gamma := dy[i:i+k], x[i:i+k], dx[i:i+k], gamma[:k]
			mean, rstd := moments(x, eps)
			s, sx := slopes(dy, x, gamma, mean)
			a, b := float32(s/float64(k)), float32(sx/float64(k))*rstd*rstd
			for j, v := range x {
				dx[j] = rstd * (dy[j]*gamma[j] - a - (v-mean)*b)
			}
		}
	})
}

// slopes are the sums of dy*gamma and of dy*gamma*(x - mean).
func slopes(dy, x, gamma []float32, mean float32) (s, sx float64) {
	for len(dy) > 0 {
		n := min(len(dy), few)
		p, q, g := dy[:n], x[:n], gamma[:n]
		var a, b, c, d float32 // two lanes of each sum
		for len(p) >= 2 && len(q) >= 2 && len(g) >= 2 {
			e, f := p[0]*g[0], p[1]*g[1]
			a, b = a+e, b+f
			c, d = c+e*(q[0]-mean), d+f*(q[1]-mean)
			p, q, g = p[2:], q[2:], g[2:]
		}
		if len(p) == 1 {
			e := p[0] * g[0]
			a, c = a+e, c+e*(q[0]-mean)
		}
		s, sx = s+float64(a+b), sx+float64(c+d)
		dy, x, gamma = dy[n:], x[n:], gamma[n:]
	}
	return s, sx
}

// tall is how many rows of a column sum are added in float32 before it moves on to float64.
const tall = 64

// layerSums are the sums over rows that LayerNorm's parameters have as gradients: tasks of rows, each with sums in float32 of at most
// tall rows that move on to float64.
type layerSums struct{ rows, k, height int }

func newLayerSums(c *call) layerSums {
	k := c.in[0].Shape.Last()
	return layerSums{rows: c.in[0].Shape.Size() / k, k: k, height: max(long, 2*block/k)}
}

func scratchLayerNormSums(c *call) int {
	o := newLayerSums(c)
	return tasks(o.rows, o.height) * (2 + 1) * 2 * o.k
}

func bindLayerNormSums(c *call) func() {
	eps, dy, x, y := c.spec.(op.LayerNormSums).Eps, c.x[0], c.x[1], c.y
	o := newLayerSums(c)
	k, parts := o.k, tasks(o.rows, o.height)
	sums := doubles(c.scratch, parts*2*k)
	short := c.scratch[2*parts*2*k:][:parts*2*k]
	run := sweep(o.rows, o.height, func(from, to int) {
		part := from / o.height
		sum, acc := sums[part*2*k:][:2*k], short[part*2*k:][:2*k]
		clear(sum)
		for r := from; r < to; r += tall {
			clear(acc)
			for i := r * k; i < min(r+tall, to)*k; i += k {
				addRow(acc[:k], acc[k:], dy[i:i+k], x[i:i+k], eps)
			}
			for j, v := range acc {
				sum[j] += float64(v)
			}
		}
	})
	return func() {
		run()
		for j := range y {
			var s float64
			for i := j; i < len(sums); i += 2 * k {
				s += sums[i]
			}
			y[j] = float32(s)
		}
	}
}

// addRow adds a row's dy to s and dy*xhat to q.
func addRow(s, q, dy, x []float32, eps float64) {
	mean, rstd := moments(x, eps)
	s, q, x = s[:len(dy)], q[:len(dy)], x[:len(dy)]
	for j, d := range dy {
		s[j] += d
		q[j] += d * ((x[j] - mean) * rstd)
	}
}
