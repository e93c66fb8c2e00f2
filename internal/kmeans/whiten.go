package kmeans

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/graph/device"
)

// leastShare is the variance below which a direction is left out, as a share of the largest.
const leastShare = 1e-6

// Whiten is rows x [N,D] by their principal directions, the widest first, at most so many, each divided by its
// deviation, and then scaled to unit length: [N,width]. Directions in which the rows hardly differ are left out. It
// ends early where ctx does.
//
// The features that Caron et al. 2018, arXiv:1807.05520, cluster.
func Whiten(ctx context.Context, x []float32, d, most int) (y []float32, width int, err error) {
	n := len(x) / d
	mean := make([]float64, d)
	for i, v := range x {
		mean[i%d] += float64(v) / float64(n)
	}
	sum, part, centred := make([]float64, d*d), make([]float32, d*d), make([]float32, min(n, blockRows)*d)
	scratch := make([]float32, device.GemmScratch(true, false, d, d, min(n, blockRows)))
	for from := 0; from < n; from += blockRows {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		rows := min(blockRows, n-from)
		for i := range rows * d {
			centred[i] = float32(float64(x[from*d+i]) - mean[i%d])
		}
		device.Gemm(true, false, d, d, rows, centred, d, centred, d, part, d, 0, scratch)
		for i, v := range part {
			sum[i] += float64(v) / float64(n)
		}
	}
	basis, width, err := principal(sum, d, most, squares(mean))
	if err != nil {
		return nil, 0, err
	}
	y = make([]float32, n*width)
	device.Parallel((n+taskRows-1)/taskRows, func(task int) {
		row := make([]float64, width)
		for i := task * taskRows; i < min((task+1)*taskRows, n); i++ {
			clear(row)
			for j, v := range x[i*d : (i+1)*d] {
				for k := range row {
					row[k] += (float64(v) - mean[j]) * basis[j*width+k]
				}
			}
			length := math.Sqrt(squares(row))
			for k, v := range row {
				y[i*width+k] = float32(v / max(length, 1e-12))
			}
		}
	})
	return y, width, nil
}

// squares is the squared length of a vector.
func squares(v []float64) (sum float64) {
	for _, x := range v {
		sum += x * x
	}
	return sum
}

// principal is the widest directions of a covariance [D,D], each over its deviation: [D,width]. offset is the squared
// length of the mean, whose rounding is no variance.
func principal(covariance []float64, d, most int, offset float64) (basis []float64, width int,
	err error) {
	for _, v := range covariance {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, 0, errors.New("kmeans: the features are not finite")
		}
	}
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(d, covariance), true) {
		return nil, 0, errors.New("kmeans: the principal directions of the features do not converge")
	}
	values := e.Values(nil) // rising
	if !(values[d-1] > 1e-12*offset) {
		return nil, 0, errors.New("kmeans: all features are alike; want some that differ")
	}
	for width < min(most, d) && values[d-1-width] > leastShare*values[d-1] {
		width++
	}
	var u mat.Dense
	e.VectorsTo(&u)
	basis = make([]float64, d*width)
	for j := range d {
		for k := range width {
			basis[j*width+k] = u.At(j, d-1-k) / math.Sqrt(values[d-1-k])
		}
	}
	return basis, width, nil
}
