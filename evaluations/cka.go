package evaluations

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// LinearCKA is the centred kernel alignment of two representations of the same rows, a [N,F] and b [N,G], with linear
// kernels:
//
//	|A'B|^2 / (|A'A| |B'B|)
//
// of the rows less their mean, with Frobenius norms. It is 1 where the two differ by a turn, a scale and a shift, and 0
// where no direction of one goes with one of the other. Of few rows and many features it is too large: N should be well
// above F and G. Kornblith et al. 2019, arXiv:1905.00414, eq. 7.
func LinearCKA(a []float32, f int, b []float32, g int) (float64, error) {
	if f < 1 || g < 1 || len(a)/f != len(b)/g || len(a)%f != 0 || len(b)%g != 0 || len(a) < 2*f {
		return 0, fmt.Errorf("cka: %d numbers as rows of %d, %d as rows of %d; want as many rows of both, two or more",
			len(a), f, len(b), g)
	}
	x, y := centredRows(a, f), centredRows(b, g)
	cross, own, other := productNorm(x, y), productNorm(x, x), productNorm(y, y)
	if own == 0 || other == 0 {
		return 0, errors.New("cka: the rows of a representation are all alike")
	}
	return cross * cross / (own * other), nil
}

// productNorm is the Frobenius norm of x'y, which is the root of the trace of xx'yy' where that is smaller.
func productNorm(x, y *mat.Dense) float64 {
	n, f := x.Dims()
	_, g := y.Dims()
	if n*n >= f*g {
		var p mat.Dense
		p.Mul(x.T(), y)
		return mat.Norm(&p, 2)
	}
	var k, l mat.SymDense
	k.SymOuterK(1, x)
	l.SymOuterK(1, y)
	var trace float64
	for i := range n {
		for j := range n {
			trace += k.At(i, j) * l.At(i, j)
		}
	}
	return math.Sqrt(max(0, trace))
}

// centredRows are x [N,dim] less the mean of its rows.
func centredRows(x []float32, dim int) *mat.Dense {
	n := len(x) / dim
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(n)
	}
	out := mat.NewDense(n, dim, nil)
	for i, v := range x {
		out.Set(i/dim, i%dim, float64(v)-mean[i%dim])
	}
	return out
}
