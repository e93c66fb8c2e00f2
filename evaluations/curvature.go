package evaluations

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/datasets"
	"selfsup/graph/device"
)

// curvature is about the Hessian of a softmax regression: weight * X'X/n + l2 for every class. Of X'X/n it knows the
// largest eigenvalues with their directions; what is left counts as equal in all others. Pixels and features of
// networks have a few directions that vary far more than the rest, and L-BFGS spends its iterations on learning them:
// this tells it.
//
// The directions come from a randomised range finder with power iterations (Halko et al. 2011, arXiv:0909.4061, alg.
// 4.4).
type curvature struct {
	dim     int
	rank    int
	v       []float32 // [F,rank], orthonormal columns
	values  []float64 // [rank], falling
	scratch []float32
	q, a    []float32 // [C,F], [C,rank]
}

const (
	curvatureRank  = 192 // directions: 0.1 s for the eigenvalues of a matrix of that size
	curvaturePower = 2   // power iterations: the preconditioner gains nothing from more
)

// newCurvature looks at x [n,F] standardised features.
func newCurvature(x []float32, n, dim, classes int, seed uint64) *curvature {
	c := &curvature{dim: dim, rank: min(curvatureRank, dim, n)}
	k := c.rank
	c.q, c.a = make([]float32, classes*dim), make([]float32, classes*k)
	c.scratch = make([]float32, max(
		device.GemmScratch(false, false, n, k, dim), device.GemmScratch(true, false, dim, k, n),
		device.GemmScratch(true, false, k, k, n),
		device.GemmScratch(false, false, dim, k, k), device.GemmScratch(false, false, classes, k, dim),
		device.GemmScratch(false, true, classes, dim, k)))
	c.v = make([]float32, dim*k)
	if k == dim {
		for i := range k {
			c.v[i*k+i] = 1
		}
	} else {
		r := datasets.NewRand(seed, "curvature")
		for i := range c.v {
			c.v[i] = float32(r.Float64() + r.Float64() - 1)
		}
	}
	y, z := make([]float32, n*k), make([]float32, dim*k)
	for range curvaturePower {
		if k == dim {
			break
		}
		device.Gemm(false, false, n, k, dim, x, dim, c.v, k, y, k, 0, c.scratch)
		device.Gemm(true, false, dim, k, n, x, dim, y, k, z, k, 0, c.scratch)
		copy(c.v, z)
		orthonormal(c.v, dim, k)
	}
	device.Gemm(false, false, n, k, dim, x, dim, c.v, k, y, k, 0, c.scratch)
	small := make([]float32, k*k)
	device.Gemm(true, false, k, k, n, y, k, y, k, small, k, 0, c.scratch)
	values, vectors := eigen(small, k, 1/float64(n))
	turn := make([]float32, k*k)
	for i := range k {
		c.values = append(c.values, max(0, values[k-1-i]))
		for j := range k {
			turn[j*k+i] = float32(vectors.At(j, k-1-i))
		}
	}
	device.Gemm(false, false, dim, k, k, c.v, k, turn, k, z, k, 0, c.scratch)
	c.v = z
	return c
}

// eigen returns the eigenvalues, rising, and the eigenvectors of the symmetric matrix scale*a [k,k].
func eigen(a []float32, k int, scale float64) ([]float64, *mat.Dense) {
	s := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			s.SetSym(i, j, scale*float64(a[i*k+j]))
		}
	}
	var e mat.EigenSym
	e.Factorize(s, true)
	var v mat.Dense
	e.VectorsTo(&v)
	return e.Values(nil), &v
}

// orthonormal makes the columns of a [rows,k] an orthonormal basis of what they span, by Gram-Schmidt, twice over; a
// column that the others span becomes zero.
func orthonormal(a []float32, rows, k int) {
	col := make([][]float64, k) // by column: the inner loops run along memory
	for j := range col {
		col[j] = make([]float64, rows)
		for i := range rows {
			col[j][i] = float64(a[i*k+j])
		}
	}
	for j, c := range col {
		before := math.Sqrt(dot(c, c))
		for range 2 {
			along := make([]float64, j)
			device.Parallel(j, func(i int) { along[i] = dot(col[i], c) })
			device.Parallel(chunks(rows), func(task int) {
				lo, hi := task*chunk, min((task+1)*chunk, rows)
				for i, s := range along {
					for r, v := range col[i][lo:hi] {
						c[lo+r] -= s * v
					}
				}
			})
		}
		length, scale := math.Sqrt(dot(c, c)), 0.0
		if length > 1e-10*before {
			scale = 1 / length
		}
		for i := range c {
			c[i] *= scale
		}
	}
	for j, c := range col {
		for i, v := range c {
			a[i*k+j] = float32(v)
		}
	}
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// inverse writes (weight X'X/n + l2)^-1 times grad: W [C,F] by directions, b [C] over weight.
func (c *curvature) inverse(dst, grad []float64, weight, l2 float64) {
	classes := len(c.q) / c.dim
	for i := range c.q {
		c.q[i] = float32(grad[i])
	}
	device.Gemm(false, false, classes, c.rank, c.dim, c.q, c.dim, c.v, c.rank, c.a, c.rank, 0, c.scratch)
	rest := 0.0 // of directions that are not known: the least eigenvalue that is
	if c.rank < c.dim {
		rest = c.values[c.rank-1]
	}
	others := 1 / (weight*rest + l2)
	for i := range c.a {
		c.a[i] *= float32(1/(weight*c.values[i%c.rank]+l2) - others)
	}
	device.Gemm(false, true, classes, c.dim, c.rank, c.a, c.rank, c.v, c.rank, c.q, c.dim, 0, c.scratch)
	for i, v := range c.q {
		dst[i] = others*grad[i] + float64(v)
	}
	for i := len(c.q); i < len(grad); i++ {
		dst[i] = grad[i] / weight
	}
}
