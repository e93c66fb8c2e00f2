package video

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/graph"
	"selfsup/internal/kmeans"
	"selfsup/methods"
)

// summarise is the job that finds the summary of the statistics of the training set.
func (m *AmbientSound) summarise(width int) func(ctx context.Context, h methods.Host) error {
	return func(ctx context.Context, h methods.Host) error {
		x, err := h.Compute(ctx, math.MaxInt, func(_ *graph.Scope, b *methods.Batch) *graph.Node {
			return b.Field("sound_statistics")
		})
		if err != nil {
			return err
		}
		n := len(x) / width
		if n < m.rows() {
			return fmt.Errorf("%d sounds for %d %s; want more clips, or fewer of these", n, m.rows(), m.Target)
		}
		means, factors := make([]float32, width), make([]float32, width)
		for k := range width {
			sum, squares := 0.0, 0.0
			for i := k; i < len(x); i += width {
				sum, squares = sum+float64(x[i]), squares+float64(x[i])*float64(x[i])
			}
			mean := sum / float64(n)
			means[k] = float32(mean)
			factors[k] = float32(1 / max(math.Sqrt(max(squares/float64(n)-mean*mean, 0)), 1e-6))
		}
		for i := range x {
			x[i] = (x[i] - means[i%width]) * factors[i%width]
		}
		var basis []float32
		if m.Target == "code" {
			basis = principal(x, width, m.Bits)
		} else if basis, err = kmeans.Euclidean(ctx, h.Rand(), x, m.Clusters, width, m.Iterations); err != nil {
			return err
		}
		copy(h.Entry(soundMeans).F32, means)
		copy(h.Entry(soundFactors).F32, factors)
		copy(h.Entry(soundBasis).F32, basis)
		return nil
	}
}

// principal is the first directions [most,width] of rows x [N,width] of mean 0, those of the largest variance first.
func principal(x []float32, width, most int) []float32 {
	rows := mat.NewDense(len(x)/width, width, nil)
	rows.Apply(func(i, j int, _ float64) float64 { return float64(x[i*width+j]) }, rows)
	var gram mat.SymDense
	gram.SymOuterK(1, rows.T())
	var eigen mat.EigenSym
	var vectors mat.Dense
	eigen.Factorize(&gram, true)
	eigen.VectorsTo(&vectors)
	basis := make([]float32, 0, most*width)
	for k := range min(most, width) {
		for j := range width {
			basis = append(basis, float32(vectors.At(j, width-1-k))) // eigenvalues rise
		}
	}
	return basis
}
