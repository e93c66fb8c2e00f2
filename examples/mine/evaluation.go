package main

import (
	"context"
	"math"

	"selfsup/evaluations"
)

// Margin is how much closer test features are to the mean of their own class than to the nearest other mean, on
// average, as a share of the distance to that.
type Margin struct{ evaluations.Schedule }

// Validate implements evaluate.Protocol.
func (m *Margin) Validate() error { return nil }

// Needs implements evaluate.Protocol.
func (m *Margin) Needs() evaluations.Needs { return evaluations.Needs{Labels: true} }

// Evaluate implements evaluate.Protocol.
func (m *Margin) Evaluate(ctx context.Context, f evaluations.Features) ([]evaluations.Result, error) {
	means, counts := make([]float64, f.Classes*f.Dim), make([]float64, f.Classes)
	for i, y := range f.TrainY {
		counts[y]++
		for j := range f.Dim {
			means[int(y)*f.Dim+j] += float64(f.TrainX[i*f.Dim+j])
		}
	}
	var sum float64
	for i, y := range f.TestY {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		own, other := 0.0, math.Inf(1)
		for c := range f.Classes {
			var d float64
			for j := range f.Dim {
				e := float64(f.TestX[i*f.Dim+j]) - means[c*f.Dim+j]/max(counts[c], 1)
				d += e * e
			}
			if c == int(y) {
				own = math.Sqrt(d)
			} else {
				other = min(other, math.Sqrt(d))
			}
		}
		sum += 1 - own/max(other, 1e-12)
	}
	return []evaluations.Result{{Protocol: "margin", Metric: "mean", Value: sum / float64(len(f.TestY))}}, nil
}
