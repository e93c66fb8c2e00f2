package cpu

import "selfsup/graph/op"

// The kernels of this file factor matrices in float64, on one core.

// widened is memory for an operand and a result of matrices of size elements, in float64.
func widened(size int) (x, y []float64) { return make([]float64, size), make([]float64, size) }

// eachMatrix runs factor on every matrix of size elements, in float64.
func eachMatrix(c *call, size int, factor func(x, y []float64)) func() {
	x, y := widened(size)
	return func() {
		for at := 0; at < len(c.y); at += size {
			for i, v := range c.x[0][at : at+size] {
				x[i] = float64(v)
			}
			factor(x, y)
			for i, v := range y {
				c.y[at+i] = float32(v)
			}
		}
	}
}

func bindInverseCholesky(c *call) func() {
	o, n := c.spec.(op.InverseCholeskyOp), c.out.Shape.Last()
	return eachMatrix(c, n*n, func(x, y []float64) { o.Factor(n, x, y) })
}

func bindPolar(c *call) func() {
	s := c.out.Shape
	o, m, n := c.spec.(op.PolarOp), s[len(s)-2], s.Last()
	room := op.PolarRoom(m, n)
	return eachMatrix(c, m*n, func(x, y []float64) { o.Factor(m, n, x, y, room) })
}

func bindMirror(c *call) func() {
	n, x, y := c.out.Shape.Last(), c.x[0], c.y
	return sweep(len(y)/n, rowsOf(n), func(from, to int) {
		for r := from; r < to; r++ {
			first, i := r/n*n*n, r%n
			row := y[r*n : (r+1)*n]
			copy(row, x[r*n:r*n+i+1])
			for j := i + 1; j < n; j++ {
				row[j] = x[first+j*n+i]
			}
		}
	})
}
