package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// Spectrum is how many directions the features X [N,F] use, by five numbers that differ in what they call used. With
// the singular values sigma of X as it is, and the eigenvalues lambda of the covariance, both falling:
//
//	effective_rank       exp of the entropy of sigma / sum of sigma
//	stable_rank          sum of sigma^2 / sigma_1^2
//	participation_ratio  (sum of lambda)^2 / sum of lambda^2
//	auc                  mean over j = 1 ... F of (lambda_1 + ... + lambda_j) / sum of lambda; less is better
//	nesum                sum of lambda / lambda_1
//
// Ranks are 1 where one direction has everything, and F at most; auc is then 1, and (F+1)/2F where all directions have
// as much. It needs no labels, and like all numbers of a spectrum it ranks settings of one method, not methods.
//
// Roy and Vetterli 2007, The effective rank; Rudelson and Vershynin 2007, arXiv:math/0503442 (stable rank); Li et al.
// 2022, arXiv:2209.15007 (area under the curve of explained variance); He and Ozay 2022, Exploring the gap between
// collapsed and whitened features (NESum).
type Spectrum struct {
	Schedule
	Images int `toml:"images"` // training images that it looks at, at most
}

// DefaultSpectrum looks at 4,096 images.
func DefaultSpectrum() *Spectrum { return &Spectrum{Images: 4096} }

// Validate checks the settings.
func (p *Spectrum) Validate() error {
	if p.Images < 2 {
		return setting.Bad("images", "%d: want 2 or more", p.Images)
	}
	return nil
}

// Needs implements Protocol.
func (p *Spectrum) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns the five numbers.
func (p *Spectrum) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	sigma, err := f.singularValues(ctx, "spectrum")
	if err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	lambda, err := CovarianceSpectrum(f.TrainX, f.Dim)
	if err != nil {
		return nil, fmt.Errorf("evaluate: spectrum: %w", err)
	}
	settings := map[string]any{"images": len(f.TrainX) / f.Dim}
	result := func(metric string, v float64) Result {
		return Result{Protocol: "spectrum", Metric: metric, Value: v, Settings: settings, Lower: metric == "auc"}
	}
	return []Result{
		result("effective_rank", EffectiveRank(sigma, 0)),
		result("stable_rank", stableRank(sigma)),
		result("participation_ratio", participationRatio(lambda)),
		result("auc", explainedArea(lambda, f.Dim)),
		result("nesum", sum(lambda)/slices.Max(lambda)),
	}, nil
}

// EffectiveRank is exp of the entropy of p_k = v_k / sum of v + epsilon.
func EffectiveRank(values []float64, epsilon float64) float64 {
	var entropy float64
	total := sum(values)
	for _, v := range values {
		if q := v/total + epsilon; q > 0 {
			entropy -= q * math.Log(q)
		}
	}
	return math.Exp(entropy)
}

// stableRank is the squares' sum over the largest square.
func stableRank(values []float64) float64 {
	largest := slices.Max(values)
	var squares float64
	for _, v := range values {
		squares += v / largest * (v / largest)
	}
	return squares
}

// participationRatio is the squared sum over the squares' sum.
func participationRatio(values []float64) float64 {
	total := sum(values)
	var squares float64
	for _, v := range values {
		squares += v / total * (v / total)
	}
	return 1 / squares
}

// explainedArea is the mean over all dim directions, the widest first, of the share that a direction and those before
// it have of the falling eigenvalues' sum. Directions beyond the eigenvalues have nothing.
func explainedArea(values []float64, dim int) float64 {
	total, reached, area := sum(values), 0.0, 0.0
	for j := range dim {
		if j < len(values) {
			reached += values[j] / total
		} else {
			reached = 1
		}
		area += reached / float64(dim)
	}
	return area
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// CovarianceSpectrum is the eigenvalues of the covariance (over N) of x [N,dim], falling, at most as many as rows. They
// are those of the centred rows' products with each other where there are fewer rows than features. Rows that are all
// alike have none.
func CovarianceSpectrum(x []float32, dim int) ([]float64, error) {
	n := len(x) / dim
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(n)
	}
	centred := mat.NewDense(n, dim, nil)
	var squares, offset float64
	for i, v := range x {
		d := float64(v) - mean[i%dim]
		centred.Set(i/dim, i%dim, d)
		squares += d * d / float64(n)
	}
	for _, v := range mean {
		offset += v * v
	}
	// what is left of features that are all alike is rounding
	if squares <= 1e-14*offset || squares == 0 {
		return nil, errors.New("features of all images are alike: they vary in no direction")
	}
	return gramSpectrum(centred, 1/float64(n))
}

// gramSpectrum is the eigenvalues of scale x'x, falling, from the smaller of x'x and xx'.
func gramSpectrum(x *mat.Dense, scale float64) ([]float64, error) {
	var gram mat.SymDense
	if n, dim := x.Dims(); n < dim {
		gram.SymOuterK(scale, x)
	} else {
		gram.SymOuterK(scale, x.T())
	}
	var e mat.EigenSym
	if !e.Factorize(&gram, false) {
		return nil, errors.New("the eigenvalues of the features' products do not converge")
	}
	values := e.Values(nil)
	for i, v := range values {
		values[i] = max(0, v)
	}
	slices.Reverse(values)
	return values, nil
}
