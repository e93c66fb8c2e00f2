package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func bindNormalize(c *call) func() {
	eps, x, y, k := c.spec.(op.NormalizeOp).Eps, c.x[0], c.y, c.out.Shape.Last()
	return sweep(len(y)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			row := x[i : i+k]
			kern.Scale(y[i:i+k], row, float32(1/max(math.Sqrt(kern.Dot(row, row)), eps)))
		}
	})
}

func bindNormalizeGrad(c *call) func() {
	eps, dy, x, dx, k := c.spec.(op.NormalizeGrad).Eps, c.x[0], c.x[1], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			length := math.Sqrt(kern.Dot(x[i:i+k], x[i:i+k]))
			if length <= eps {
				kern.Scale(dx[i:i+k], dy[i:i+k], float32(1/eps))
				continue
			}
			along := kern.Dot(x[i:i+k], dy[i:i+k]) / length / length
			kern.Mix(dx[i:i+k], dy[i:i+k], x[i:i+k], float32(1/length), float32(-along/length))
		}
	})
}

// moments is the mean of a row and 1/sqrt(variance + eps).
func moments(row []float32, eps float64) (mean, rstd float32) {
	n := float64(len(row))
	mean = float32(kern.Sum(row) / n)
	return mean, float32(1 / math.Sqrt(kern.Spread(row, mean)/n+eps))
}

func bindLayerNorm(c *call) func() {
	eps, gamma, beta, k := c.spec.(op.LayerNormOp).Eps, c.x[1], c.x[2], c.out.Shape.Last()
	return passChunks(c, []int{0}, k, func(y []float32, in [][]float32) {
		x := in[0]
		for i := 0; i < len(y); i += k {
			mean, rstd := moments(x[i:i+k], eps)
			kern.Norm(y[i:i+k], x[i:i+k], gamma, beta, mean, rstd)
		}
	})
}

func bindLayerNormGrad(c *call) func() {
	eps, dy, x, gamma, dx, k := c.spec.(op.LayerNormBackward).Eps, c.x[0], c.x[1], c.x[2], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			dy, x := dy[i:i+k], x[i:i+k]
			mean, rstd := moments(x, eps)
			s, sx := kern.Slopes(dy, x, gamma, mean)
			kern.NormGrad(dx[i:i+k], dy, x, gamma, mean, rstd, float32(s/float64(k)), float32(sx/float64(k))*rstd*rstd)
		}
	})
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
	kern.Add(s, s, dy)
	kern.AddNormed(q, q, dy, x, mean, rstd)
}
