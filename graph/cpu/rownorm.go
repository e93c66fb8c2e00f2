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

// rowBlocks calls f for rows from to to of k elements, at most kern.BlockRows at a time, with the elements i to j that
// they are.
func rowBlocks(from, to, k int, f func(i, j int)) {
	for r := from; r < to; r += kern.BlockRows {
		f(r*k, min(r+kern.BlockRows, to)*k)
	}
}

func bindLayerNorm(c *call) func() {
	eps, gamma, beta, k := c.spec.(op.LayerNormOp).Eps, c.x[1], c.x[2], c.out.Shape.Last()
	return passChunks(c, []int{0}, k, func(y []float32, in [][]float32) {
		x := in[0]
		rowBlocks(0, len(y)/k, k, func(i, j int) {
			var b kern.NormBlock
			b.Moments(x[i:j], k, eps)
			b.Norm(y[i:j], x[i:j], gamma, beta)
		})
	})
}

func bindLayerNormGrad(c *call) func() {
	eps, dy, x, gamma, dx, k := c.spec.(op.LayerNormBackward).Eps, c.x[0], c.x[1], c.x[2], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		rowBlocks(from, to, k, func(i, j int) {
			var b kern.NormBlock
			b.Moments(x[i:j], k, eps)
			b.Grad(dx[i:j], dy[i:j], x[i:j], gamma)
		})
	})
}

// tall is how many rows of a column sum are added in float32 before it moves on to float64.
const tall = 64

// layerSums are the sums over rows that LayerNorm's parameters have as gradients: tasks of rows, each with sums in
// float32 of at most tall rows that move on to float64.
type layerSums struct{ rows, k, height int }

func newLayerSums(c *call) layerSums {
	k := c.in[0].Shape.Last()
	return layerSums{rows: c.in[0].Shape.Size() / k, k: k, height: max(long, 2*block/k)}
}

func scratchLayerNormSums(c *call) int {
	o := newLayerSums(c)
	return tasks(o.rows, o.height) * (2 + 1) * 2 * o.k
}

func bindLayerNormSums(c *call) func() { return bindLayerNormBoth(c, nil) }

// bindLayerNormBoth is both gradients of a layer norm in one walk over dy and x: sums, those of its parameters, and
// grad, that by x, if it is not nil.
func bindLayerNormBoth(sums, grad *call) func() {
	eps, dy, x, y := sums.spec.(op.LayerNormSums).Eps, sums.x[0], sums.x[1], sums.y
	o := newLayerSums(sums)
	k, parts := o.k, tasks(o.rows, o.height)
	all := doubles(sums.scratch, parts*2*k)
	short := sums.scratch[2*parts*2*k:][:parts*2*k]
	run := sweep(o.rows, o.height, func(from, to int) {
		part := from / o.height
		sum, acc := all[part*2*k:][:2*k], short[part*2*k:][:2*k]
		clear(sum)
		for r := from; r < to; r += tall {
			clear(acc)
			rowBlocks(r, min(r+tall, to), k, func(i, j int) {
				var b kern.NormBlock
				b.Moments(x[i:j], k, eps)
				b.Add(acc[:k], acc[k:], dy[i:j], x[i:j])
				if grad != nil {
					b.Grad(grad.y[i:j], dy[i:j], x[i:j], grad.x[2])
				}
			})
			for j, v := range acc {
				sum[j] += float64(v)
			}
		}
	})
	return func() {
		run()
		for j := range y {
			var s float64
			for i := j; i < len(all); i += 2 * k {
				s += all[i]
			}
			y[j] = float32(s)
		}
	}
}

// layerNormPair says whether two calls are both gradients of one layer norm, and which is which.
func layerNormPair(a, b *call) (sums, grad *call, ok bool) {
	if _, swapped := a.spec.(op.LayerNormBackward); swapped {
		a, b = b, a
	}
	s, isSums := a.spec.(op.LayerNormSums)
	g, isGrad := b.spec.(op.LayerNormBackward)
	same := func(x, y []float32) bool { return len(x) == len(y) && &x[0] == &y[0] }
	ok = isSums && isGrad && s.Eps == g.Eps && same(a.x[0], b.x[0]) && same(a.x[1], b.x[1])
	return a, b, ok
}
