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

// RankMe is the effective rank of features X [N,F]: exp of the entropy of p_k = sigma_k / sum of sigma + eps, over the
// singular values sigma of X, which is not centred. It is at most min(N,F), and 1 where all features are multiples of
// one direction. It needs no labels.
//
// It ranks settings of one method, such as temperatures, and not methods: a random Gaussian matrix has full rank.
//
// Garrido et al. 2023, arXiv:2210.02885, eq. 1.
type RankMe struct {
	Schedule
	Images  int     `toml:"images"`  // training images that it looks at, at most; ranks of other numbers do not compare
	Epsilon float64 `toml:"epsilon"` // keeps the logarithm finite
}

// DefaultRankMe looks at 4,096 images with the paper's epsilon. 512 features take a second, 2,048 take ten.
func DefaultRankMe() *RankMe { return &RankMe{Images: 4096, Epsilon: 1e-7} }

// Validate checks the settings.
func (p *RankMe) Validate() error {
	var bad []error
	if p.Images < 2 {
		bad = append(bad, setting.Bad("images", "%d: want 2 or more", p.Images))
	}
	if !(p.Epsilon > 0 && p.Epsilon < 1) {
		bad = append(bad, setting.Bad("epsilon", "%v: want a number above 0 and below 1, such as 1e-7", p.Epsilon))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *RankMe) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns the effective rank.
func (p *RankMe) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	values, err := f.singularValues(ctx, "rankme")
	if err != nil {
		return nil, err
	}
	if slices.Max(values) == 0 {
		return nil, errors.New("evaluate: rankme: all features are 0, which have no rank")
	}
	settings := map[string]any{"images": len(f.TrainX) / f.Dim, "epsilon": p.Epsilon}
	return []Result{{Protocol: "rankme", Metric: "rankme", Value: EffectiveRank(values, p.Epsilon),
		Settings: settings}}, nil
}

// singularValues are those of the training images' features, rising, for a protocol that begins with them.
func (f Features) singularValues(ctx context.Context, protocol string) ([]float64, error) {
	if err := f.checkFeatures(protocol, f.TrainX); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	values, err := singularValues(f.TrainX, f.Dim)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %s: %w", protocol, err)
	}
	return values, nil
}

// singularValues of x [N,dim], rising, from the eigenvalues of X'X or XX', whichever is smaller.
func singularValues(x []float32, dim int) ([]float64, error) {
	n := len(x) / dim
	wide := mat.NewDense(n, dim, nil)
	for i, v := range x {
		wide.Set(i/dim, i%dim, float64(v))
	}
	values, err := gramSpectrum(wide, 1)
	for i, v := range values {
		values[i] = math.Sqrt(v)
	}
	slices.Reverse(values)
	return values, err
}
