package evaluations

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// State is how much of the true state of an environment, or of how a clip's camera and nearest object move, a linear
// map reads off the features. It is the coefficient of determination of each source over the test samples,
//
//	R2 = 1 - sum (s - a h - c)^2 / sum (s - mean s)^2,
//
// with a and c of least squares on the training samples, with a ridge on standardised features, and their mean. 1 is
// all, 0 is no better than the mean, and below 0 it is worse. It needs no labels. Anand et al. 2019, arXiv:1906.08226,
// probe agents' features for the state so, with classifiers.
type State struct {
	Schedule
	Ridge float64 `toml:"ridge"` // added to the variances, which are 1
	// of clips, the features of every frame side by side, in place of the clip's, which may be their mean
	Frames bool `toml:"frames"`
}

// DefaultState has a weak ridge.
func DefaultState() *State { return &State{Ridge: 1e-3} }

// Validate checks the settings.
func (p *State) Validate() error { return setting.Positive("ridge", p.Ridge) }

// Needs implements Protocol.
func (p *State) Needs() Needs { return Needs{Sources: true, Frames: p.Frames} }

// Evaluate returns the mean and each source's coefficient.
func (p *State) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := errors.Join(f.checkFeatures("state", f.TrainX), f.checkFeatures("state", f.TestX)); err != nil {
		return nil, err
	}
	n, m, k := len(f.TrainX)/f.Dim, len(f.TestX)/f.Dim, f.Sources
	if k < 1 || len(f.TrainSources) != n*k || len(f.TestSources) != m*k {
		return nil, fmt.Errorf("evaluate: state: %d and %d numbers as %d sources of %d and %d samples",
			len(f.TrainSources), len(f.TestSources), k, n, m)
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	x, test := standardized(f.TrainX, f.TestX, f.Dim)
	means := make([]float64, k)
	for i, v := range f.TrainSources {
		means[i%k] += v / float64(n)
	}
	y := mat.NewDense(n, k, nil)
	y.Apply(func(i, j int, _ float64) float64 { return f.TrainSources[i*k+j] - means[j] }, y)
	w, err := ridgeFit(x, y, float64(n)*p.Ridge)
	if err != nil {
		return nil, fmt.Errorf("evaluate: state: %w", err)
	}
	var found mat.Dense
	found.Mul(test, w)
	settings := map[string]any{"ridge": p.Ridge, "sources": k}
	if p.Frames {
		settings["frames"] = true
	}
	all := []Result{{Protocol: "state", Metric: "r2", Settings: settings}}
	for j := range k {
		value := determination(f.TestSources, k, j, func(i int) float64 { return found.At(i, j) + means[j] })
		all[0].Value += value / float64(k)
		name := fmt.Sprintf("source %d", j)
		if len(f.SourceNames) == k {
			name = f.SourceNames[j]
		}
		all = append(all, Result{Protocol: "state", Metric: "r2 of " + name, Value: value, Settings: settings})
	}
	return all, nil
}

// determination is R2 of column j of rows as wide as k, of a guess for each row; 0 where the column does not vary.
func determination(rows []float64, k, j int, guess func(i int) float64) float64 {
	n := len(rows) / k
	var mean, left, all float64
	for i := range n {
		mean += rows[i*k+j] / float64(n)
	}
	for i := range n {
		v := rows[i*k+j]
		left += (v - guess(i)) * (v - guess(i))
		all += (v - mean) * (v - mean)
	}
	if all == 0 {
		return 0
	}
	return 1 - left/all
}
