package op

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/gonum"

	"selfsup/graph/ir"
)

// The operations of this file factor matrices in float64, one after the other where there are leading axes. They are
// meant for matrices of some hundred rows.

// InverseCholeskyOp is the inverse of the Cholesky factor.
type InverseCholeskyOp struct{}

// InverseCholesky is the lower triangular w [...,N,N] with w a w' = I, for symmetric positive definite a [...,N,N]: w =
// L^-1 of a = L L'. Rows x of covariance a have rows x w' of covariance I, and log det a is -2 sum_i log w_ii. Of a the
// symmetric part is read. A matrix that is not positive definite is an error of Run.
func InverseCholesky(a *Node) *Node { return Apply(InverseCholeskyOp{}, a) }

// Name implements ir.Spec.
func (o InverseCholeskyOp) Name() string { return "inverse_cholesky" }

// Infer implements ir.Spec.
func (o InverseCholeskyOp) Infer(in []ir.Type) (ir.Type, error) { return squares(in[0]) }

// squares is the type of square matrices.
func squares(t ir.Type) (ir.Type, error) {
	if n := len(t.Shape); n < 2 || t.Shape[n-1] != t.Shape[n-2] {
		return ir.Type{}, fmt.Errorf("want square matrices [...,N,N]")
	}
	return t, nil
}

// Ref implements ir.Spec.
func (o InverseCholeskyOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := out.Shape.Last()
	for at := 0; at < len(out.Data); at += n * n {
		o.Factor(n, in[0].Data[at:at+n*n], out.Data[at:at+n*n])
	}
}

// Factor writes the result for one matrix a [n,n] to w. It panics if a is not positive definite.
func (o InverseCholeskyOp) Factor(n int, a, w []float64) {
	clear(w)
	for i := range n { // the factor L, row by row
		for j := range i + 1 {
			v := (a[i*n+j] + a[j*n+i]) / 2
			for k := range j {
				v -= w[i*n+k] * w[j*n+k]
			}
			switch {
			case j < i:
				w[i*n+j] = v / w[j*n+j]
			case v > 0:
				w[i*n+i] = math.Sqrt(v)
			default:
				panic(fmt.Sprintf("a matrix [%d,%d] is not positive definite: what row %d has beyond the rows before "+
					"it is %.3g, want more than 0. A covariance needs more samples than dimensions", n, n, i, v))
			}
		}
	}
	for j := range n { // its inverse, column by column, in place
		w[j*n+j] = 1 / w[j*n+j]
		for i := j + 1; i < n; i++ {
			var v float64
			for k := j; k < i; k++ {
				v -= w[i*n+k] * w[k*n+j]
			}
			w[i*n+j] = v / w[i*n+i]
		}
	}
}

// Active implements Differentiable.
func (o InverseCholeskyOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable. dw = -F(w da w') w, where F keeps what is below the diagonal and half of the
// diagonal; so the gradient is -w' S w / 2, where S is symmetric and its lower triangle is of dy w' (Giles 2008, An
// extended collection of matrix derivative results).
func (o InverseCholeskyOp) Grad(g Grad) []*Node {
	s := Apply(MirrorOp{}, MatMul(g.Dy, g.Out, false, true))
	return []*Node{Scale(MatMul(MatMul(g.Out, s, true, false), g.Out, false, false), -0.5)}
}

// MirrorOp is the symmetric matrices with the lower triangles of [...,N,N]. It has no gradient.
type MirrorOp struct{}

// Name implements ir.Spec.
func (o MirrorOp) Name() string { return "mirror" }

// Infer implements ir.Spec.
func (o MirrorOp) Infer(in []ir.Type) (ir.Type, error) { return squares(in[0]) }

// Ref implements ir.Spec.
func (o MirrorOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := out.Shape.Last()
	for at := range out.Data {
		first, i, j := at/(n*n)*n*n, at/n%n, at%n
		out.Data[at] = in[0].Data[first+max(i, j)*n+min(i, j)]
	}
}

// PolarOp is the orthogonal factor of a polar decomposition.
type PolarOp struct{}

// Polar is u v' of the singular value decomposition x = u s v' of x [...,M,N]: the nearest matrix with orthogonal rows,
// or columns, of length 1. Directions with singular values below a millionth of the largest are left out. No gradient
// flows through it; sum(Polar(x) * x) is the sum of the singular values, whose gradient with respect to x is Polar(x).
func Polar(x *Node) *Node { return Apply(PolarOp{}, x) }

// Name implements ir.Spec.
func (o PolarOp) Name() string { return "polar" }

// Infer implements ir.Spec.
func (o PolarOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) < 2 {
		return ir.Type{}, fmt.Errorf("want matrices [...,M,N]")
	}
	return in[0], nil
}

// leastShare is the square of the smallest singular value that counts, as a share of the largest's.
const leastShare = 1e-12

// PolarRoom is the working memory for matrices [m,n].
func PolarRoom(m, n int) []float64 {
	k := min(m, n)
	return make([]float64, 2*k*k+k+4*k+64*k)
}

// Ref implements ir.Spec.
func (o PolarOp) Ref(in []ir.Tensor, out ir.Tensor) {
	s := out.Shape
	m, n := s[len(s)-2], s.Last()
	room := PolarRoom(m, n)
	for at := 0; at < len(out.Data); at += m * n {
		o.Factor(m, n, in[0].Data[at:at+m*n], out.Data[at:at+m*n], room)
	}
}

// Factor writes the result for one matrix x [m,n] to y: (xx')^-1/2 x, or x (x'x)^-1/2, whichever product is smaller.
// room comes from PolarRoom. It panics if x has a value that is not finite.
func (o PolarOp) Factor(m, n int, x, y, room []float64) {
	k := min(m, n)
	at := func(i, j int) float64 { return x[i*n+j] } // row i of k, of length max(m,n)
	if n < m {
		at = func(i, j int) float64 { return x[j*n+i] }
	}
	gram, root, values, work := room[:k*k], room[k*k:2*k*k], room[2*k*k:2*k*k+k], room[2*k*k+k:]
	for i := range k {
		for j := range i + 1 {
			var v float64
			for l := range max(m, n) {
				v += at(i, l) * at(j, l)
			}
			gram[i*k+j], gram[j*k+i] = v, v
		}
	}
	if !(gonum.Implementation{}).Dsyev(lapack.EVCompute, blas.Lower, k, gram, k, values, work, len(work)) ||
		!(values[k-1] <= math.MaxFloat64) {
		panic(fmt.Sprintf("the singular values of a matrix [%d,%d] do not converge; want finite values", m, n))
	}
	for i := range k { // root = sum over kept e of e e' / s
		for j := range i + 1 {
			var v float64
			for e, square := range values {
				if square > leastShare*values[k-1] {
					v += gram[i*k+e] * gram[j*k+e] / math.Sqrt(square)
				}
			}
			root[i*k+j], root[j*k+i] = v, v
		}
	}
	for i := range m {
		for j := range n {
			var v float64
			if n < m {
				for l := range k {
					v += x[i*n+l] * root[l*k+j]
				}
			} else {
				for l := range k {
					v += root[i*k+l] * x[l*n+j]
				}
			}
			y[i*n+j] = v
		}
	}
}
