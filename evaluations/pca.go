package evaluations

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// PCA is the principal directions of rows: orthogonal, of unit length, those along which the rows vary most first. The
// largest entry of a direction by size is positive, the first of several, so that the same rows give the same signs.
// Pearson 1901, doi:10.1080/14786440109462720.
type PCA struct {
	Dim        int       // F, of a row
	Mean       []float64 // [F] of the rows
	Directions []float64 // [K,F]
	Variance   []float64 // [K] of the rows along each direction, over N-1, falling
	Share      []float64 // [K] of the rows' whole variance
}

// NewPCA finds the first k principal directions of x [N,dim], with N of 2 or more and k at most min(N-1, dim). Exact,
// in float64, from the smaller of the products x'x and xx'.
func NewPCA(x []float32, dim, k int) (*PCA, error) {
	if dim < 1 || len(x)%dim != 0 || len(x) < 2*dim {
		return nil, fmt.Errorf("pca: %d numbers as rows of %d; want two rows or more", len(x), dim)
	}
	n := len(x) / dim
	if most := min(n-1, dim); k < 1 || k > most {
		return nil, fmt.Errorf("pca: %d directions of %d rows of %d numbers; want 1 to %d", k, n, dim, most)
	}
	p := &PCA{Dim: dim, Mean: make([]float64, dim), Directions: make([]float64, k*dim), Variance: make([]float64, k),
		Share: make([]float64, k)}
	for i, v := range x {
		p.Mean[i%dim] += float64(v) / float64(n)
	}
	centred := mat.NewDense(n, dim, nil)
	var total float64
	for i, v := range x {
		d := float64(v) - p.Mean[i%dim]
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, fmt.Errorf("pca: number [%d,%d] is %v, want finite numbers", i/dim, i%dim, v)
		}
		centred.Set(i/dim, i%dim, d)
		total += d * d / float64(n-1)
	}
	values, vectors, err := largest(centred, 1/float64(n-1), k)
	if err != nil {
		return nil, err
	}
	for j, v := range values {
		p.Variance[j] = v
		if total > 0 {
			p.Share[j] = v / total
		}
		to := p.Directions[j*dim : (j+1)*dim]
		for i := range to {
			to[i] = vectors.At(i, j)
		}
		orient(to)
	}
	return p, nil
}

// largest are the k largest eigenvalues of scale x'x and their vectors, the columns [F,k].
func largest(x *mat.Dense, scale float64, k int) ([]float64, *mat.Dense, error) {
	n, dim := x.Dims()
	var gram mat.SymDense
	if n < dim {
		gram.SymOuterK(scale, x)
	} else {
		gram.SymOuterK(scale, x.T())
	}
	var e mat.EigenSym
	if !e.Factorize(&gram, true) {
		return nil, nil, errors.New("pca: the eigenvalues of the rows' products do not converge")
	}
	values := e.Values(nil)
	slices.Reverse(values)
	values = values[:k]
	var all mat.Dense
	e.VectorsTo(&all)
	size, _ := gram.Dims()
	vectors := mat.NewDense(size, k, nil)
	for j := range k {
		for i := range size {
			vectors.Set(i, j, all.At(i, size-1-j))
		}
		values[j] = max(0, values[j])
	}
	if n >= dim {
		return values, vectors, nil
	}
	wide := mat.NewDense(dim, k, nil) // u = x'v / |x'v|; where the rows do not vary there is no direction
	wide.Mul(x.T(), vectors)
	for j := range k {
		column := wide.ColView(j).(*mat.VecDense)
		if length := mat.Norm(column, 2); length > 0 {
			column.ScaleVec(1/length, column)
		}
	}
	return values, wide, nil
}

// orient makes the largest entry by size positive.
func orient(direction []float64) {
	most := 0
	for i, v := range direction {
		if math.Abs(v) > math.Abs(direction[most]) {
			most = i
		}
	}
	if direction[most] < 0 {
		for i := range direction {
			direction[i] = -direction[i]
		}
	}
}

// Apply is where rows x [N,F] lie along the directions, [N,K].
func (p *PCA) Apply(x []float32) []float64 {
	k := len(p.Variance)
	out := make([]float64, len(x)/p.Dim*k)
	for i := range len(x) / p.Dim {
		row := x[i*p.Dim : (i+1)*p.Dim]
		for j := range k {
			var sum float64
			for f, v := range p.Directions[j*p.Dim : (j+1)*p.Dim] {
				sum += v * (float64(row[f]) - p.Mean[f])
			}
			out[i*k+j] = sum
		}
	}
	return out
}
