package audio

import (
	"context"
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/kmeans"
	"selfsup/methods"
)

// cluster is the job that finds the clusters of the steps of recordings.
func (m *HuBERT) cluster(ctx context.Context, h methods.Host, enc methods.Encoder, width int) error {
	x, err := h.Compute(ctx, m.Recordings, func(s *graph.Scope, b *methods.Batch) *graph.Node {
		u := utterance{SpeechEncoder: enc.Speech(s), x: b.View(0)}
		there := op.Reshape(present(s, b.Field("length"), u.Rows, u.Hop), b.Size(), u.Rows, 1)
		return op.Concat(2, m.sounds(s, b, &u), there) // [B,S,E+1]
	})
	if err != nil {
		return err
	}
	rows, factors := standardised(x, width)
	if len(rows)/width < m.Clusters {
		return fmt.Errorf("%d steps for clusters = %d; want more recordings, or fewer clusters", len(rows)/width,
			m.Clusters)
	}
	centres, err := kmeans.Euclidean(ctx, h.Rand(), rows, m.Clusters, width, m.Iterations)
	if err != nil {
		return err
	}
	copy(h.Entry(centresEntry).F32, centres)
	copy(h.Entry(factorsEntry).F32, factors)
	return nil
}

// standardised is the rows of x [N,width+1] whose last number is 1, without it, divided by the deviations of their
// numbers; and what they are multiplied by for that.
func standardised(x []float32, width int) (rows, factors []float32) {
	sum, squares, n := make([]float64, width), make([]float64, width), 0.0
	for i := 0; i < len(x); i += width + 1 {
		if x[i+width] == 0 {
			continue
		}
		n++
		for k, v := range x[i : i+width] {
			sum[k], squares[k] = sum[k]+float64(v), squares[k]+float64(v)*float64(v)
		}
		rows = append(rows, x[i:i+width]...)
	}
	factors = make([]float32, width)
	for k := range factors {
		mean := sum[k] / max(n, 1)
		factors[k] = float32(1 / max(math.Sqrt(max(squares[k]/max(n, 1)-mean*mean, 0)), 1e-6))
	}
	for i := range rows {
		rows[i] *= factors[i%width]
	}
	return rows, factors
}
