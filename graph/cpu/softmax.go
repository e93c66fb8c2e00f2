package cpu

import (
	"fmt"
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// sumExp is the sum of e^(x - top).
func sumExp(x []float32, top float32) float64 {
	var s float64
	var e [512]float32
	for len(x) > 0 {
		n := min(len(x), len(e))
		kern.Exps(e[:n], x[:n], top)
		s += kern.Sum(e[:n])
		x = x[n:]
	}
	return s
}

// logSumExp is log(sum e^x) as its two parts, the largest x and the logarithm of the rest.
func logSumExp(x []float32) (top, rest float32) {
	top = kern.Max(x)
	if math.IsInf(float64(top), -1) {
		return top, 0
	}
	return top, float32(math.Log(sumExp(x, top)))
}

func bindSoftmax(c *call) func() {
	o, x, y, k := c.spec.(op.SoftmaxOp), c.x[0], c.y, c.out.Shape.Last()
	return sweep(len(y)/k, rowsOf(4*k), func(from, to int) {
		if !o.Log {
			kern.SoftmaxRows(y[from*k:], x[from*k:], k, to-from, k, 1)
			return
		}
		for i := from * k; i < to*k; i += k {
			top, rest := logSumExp(x[i : i+k])
			kern.Affine(y[i:i+k], x[i:i+k], 1, -top)
			kern.Affine(y[i:i+k], y[i:i+k], 1, -rest)
		}
	})
}

func bindSoftmaxGrad(c *call) func() {
	o, dy, y, dx, k := c.spec.(op.SoftmaxGrad), c.x[0], c.x[1], c.y, c.out.Shape.Last()
	return sweep(len(dx)/k, rowsOf(k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			dy, y, dx := dy[i:i+k], y[i:i+k], dx[i:i+k]
			if o.Log {
				s := float32(kern.Sum(dy))
				for j, d := range dy {
					dx[j] = d - kern.Exp(y[j])*s
				}
				continue
			}
			kern.SoftmaxGrad(dx, y, dy, 1, float32(kern.Dot(dy, y)))
		}
	})
}

func bindLogSumExp(c *call) func() {
	x, y, k := c.x[0], c.y, c.in[0].Shape.Last()
	return sweep(len(y), rowsOf(4*k), func(from, to int) {
		for i := from; i < to; i++ {
			top, rest := logSumExp(x[i*k : (i+1)*k])
			y[i] = top + rest
		}
	})
}

func bindCrossEntropy(c *call) func() {
	o, x, y, k := c.spec.(op.CrossEntropyOp), c.x[0], c.y, c.in[0].Shape.Last()
	targets, labels := c.x[1], c.xi[1]
	return sweep(len(y), rowsOf(4*k), func(from, to int) {
		for i := from; i < to; i++ {
			row := x[i*k : (i+1)*k]
			if o.Soft {
				top, rest := logSumExp(row)
				y[i] = float32(surprise(row, targets[i*k:(i+1)*k], top, rest))
				continue
			}
			label := labelOf(labels, i, k)
			if label < 0 {
				y[i] = 0
				continue
			}
			top, rest := logSumExp(row)
			y[i] = float32(labelLoss(row, label, o.Smoothing, top, rest))
		}
	})
}

// labelOf is the class of row i of k classes, negative for an ignored row.
func labelOf(labels []int32, i, k int) int {
	l := int(labels[i])
	if l >= k {
		panic(fmt.Sprintf("row %d has label %d, want one below %d", i, l, k))
	}
	return l
}

// surprise is -sum(target * log softmax); what has no target does not count, be it infinite.
func surprise(row, target []float32, top, rest float32) float64 {
	var s float64
	target = target[:len(row)]
	for i, v := range row {
		if p := target[i]; p != 0 {
			s -= float64(p * (v - top - rest))
		}
	}
	return s
}

// labelLoss is the cross-entropy with a label mixed with the uniform distribution.
func labelLoss(row []float32, label int, smoothing float64, top, rest float32) float64 {
	s := -(1 - smoothing) * float64(row[label]-top-rest)
	if smoothing == 0 {
		return s
	}
	var all float64
	for _, v := range row {
		all += float64(v - top - rest)
	}
	return s - smoothing*all/float64(len(row))
}

func bindCrossEntropyGrad(c *call) func() {
	o, dy, x, dx, k := c.spec.(op.CrossEntropyGrad), c.x[0], c.x[1], c.y, c.out.Shape.Last()
	targets, labels := c.x[2], c.xi[2]
	even := float32(o.Smoothing / float64(k))
	return sweep(len(dy), rowsOf(4*k), func(from, to int) {
		for i := from; i < to; i++ {
			out, row, d := dx[i*k:(i+1)*k], x[i*k:(i+1)*k], dy[i]
			if o.Soft {
				target := targets[i*k : (i+1)*k]
				mass := float32(kern.Sum(target))
				kern.Softmax(out, row, 1)
				kern.Mix(out, out, target, d*mass, -d)
				continue
			}
			label := labelOf(labels, i, k)
			if label < 0 {
				clear(out)
				continue
			}
			kern.Softmax(out, row, 1)
			kern.Affine(out, out, d, -d*even)
			out[label] -= d * float32(1-o.Smoothing)
		}
	})
}

func bindDiagonal(c *call) func() {
	x, y, n, v := c.x[0], c.y, c.out.Shape.Last(), float32(c.spec.(op.DiagonalOp).Value)
	return sweep(n, rowsOf(n), func(from, to int) {
		copy(y[from*n:to*n], x[from*n:to*n])
		for i := from; i < to; i++ {
			y[i*n+i] = v
		}
	})
}
