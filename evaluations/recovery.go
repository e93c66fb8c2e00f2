package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// Recovery is how much of the independent sources that samples were mixed of a linear map finds in the features:
//
//	mean over sources j of corr(|s_j|, a_j h + c_j) over the test samples
//
// with a and c of least squares on the training samples, with a ridge on standardised features. 1 is all, and 0 is
// nothing. Absolute values are what time-contrastive learning promises of sources like Laplace's (Hyvarinen and
// Morioka 2016, arXiv:1605.06336, theorem 1); the paper makes the linear map by independent component analysis, which
// sees no source, and takes the correlations of the best pairs. It needs no labels.
type Recovery struct {
	Schedule
	Absolute bool    `toml:"absolute"` // the absolute values of the sources; else the sources
	Ridge    float64 `toml:"ridge"`    // added to the variances, which are 1
}

// DefaultRecovery looks for absolute values.
func DefaultRecovery() *Recovery { return &Recovery{Absolute: true, Ridge: 1e-3} }

// Validate checks the settings.
func (p *Recovery) Validate() error { return setting.Positive("ridge", p.Ridge) }

// Needs implements Protocol.
func (p *Recovery) Needs() Needs { return Needs{Sources: true} }

// Evaluate returns the mean correlation.
func (p *Recovery) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := errors.Join(f.checkFeatures("recovery", f.TrainX), f.checkFeatures("recovery", f.TestX)); err != nil {
		return nil, err
	}
	n, m := len(f.TrainX)/f.Dim, len(f.TestX)/f.Dim
	if f.Sources < 1 || len(f.TrainSources) != n*f.Sources || len(f.TestSources) != m*f.Sources {
		return nil, fmt.Errorf("evaluate: recovery: %d and %d numbers as %d sources of %d and %d samples",
			len(f.TrainSources), len(f.TestSources), f.Sources, n, m)
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	x, test := standardized(f.TrainX, f.TestX, f.Dim)
	w, err := ridgeFit(x, p.wanted(f.TrainSources, n, f.Sources), float64(n)*p.Ridge)
	if err != nil {
		return nil, fmt.Errorf("evaluate: recovery: %w", err)
	}
	var found mat.Dense
	found.Mul(test, w)
	wanted, sum := p.wanted(f.TestSources, m, f.Sources), 0.0
	for j := range f.Sources {
		sum += correlation(found.ColView(j), wanted.ColView(j)) / float64(f.Sources)
	}
	settings := map[string]any{"absolute": p.Absolute, "ridge": p.Ridge, "sources": f.Sources}
	return []Result{{Protocol: "recovery", Metric: "correlation", Value: sum, Settings: settings}}, nil
}

// wanted is what is looked for of n samples, [n,S].
func (p *Recovery) wanted(sources []float64, n, each int) *mat.Dense {
	y := mat.NewDense(n, each, append([]float64(nil), sources...))
	if p.Absolute {
		y.Apply(func(_, _ int, v float64) float64 { return math.Abs(v) }, y)
	}
	return y
}

// standardized is features with mean 0 and variance 1 over the training samples; those that do not vary are 0.
func standardized(train, test []float32, dim int) (x, y *mat.Dense) {
	n := len(train) / dim
	mean, scale := make([]float64, dim), make([]float64, dim)
	for i, v := range train {
		mean[i%dim] += float64(v) / float64(n)
	}
	for i, v := range train {
		scale[i%dim] += math.Pow(float64(v)-mean[i%dim], 2) / float64(n)
	}
	for j, v := range scale {
		if v > 0 {
			scale[j] = 1 / math.Sqrt(v)
		}
	}
	of := func(v []float32) *mat.Dense {
		m := mat.NewDense(len(v)/dim, dim, nil)
		m.Apply(func(i, j int, _ float64) float64 { return (float64(v[i*dim+j]) - mean[j]) * scale[j] }, m)
		return m
	}
	return of(train), of(test)
}
