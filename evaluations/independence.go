package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/setting"
)

// Independence says how far features depend on each other, pair by pair, beyond what a covariance sees. For features
// x and y of N images, with Gaussian kernels as wide as a feature's deviation, and the means over pairs:
//
//	nhsic        HSIC(x,y) / sqrt(HSIC(x,x) HSIC(y,y)), 0 for independent features and 1 for the same
//	correlation  |corr(x,y)|, which is 0 for dependent features too where their dependence is not linear
//
// HSIC is the unbiased estimate: Gretton et al. 2005; Song et al., JMLR 2012, eq. 5. It measures by how much wider
// projectors make pairs of their outputs more independent: Mialon, Balestriero, LeCun 2022, arXiv:2209.14905; the
// Cookbook, arXiv:2304.12210, section 3.2. [baselines] projector has the outputs measured. It needs no labels.
// Features that are the same for all images are left out.
type Independence struct {
	Schedule
	Images   int `toml:"images"`   // training images that it looks at, at most; the time grows with its square
	Features int `toml:"features"` // drawn from all, of which all pairs are taken
}

// DefaultIndependence takes the 2,016 pairs of 64 features on 512 images.
func DefaultIndependence() *Independence { return &Independence{Images: 512, Features: 64} }

// Validate checks the settings.
func (p *Independence) Validate() error {
	return errors.Join(setting.Least("images", p.Images, 4), setting.Least("features", p.Features, 2))
}

// Needs implements Protocol.
func (p *Independence) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns nhsic and correlation.
func (p *Independence) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("independence", f.TrainX); err != nil {
		return nil, err
	}
	n := len(f.TrainX) / f.Dim
	if n < 4 {
		return nil, fmt.Errorf("evaluate: independence: %d images, want 4 or more", n)
	}
	draw := datasets.NewRand(f.Seed, "independence")
	var drawn []feature
	for _, j := range draw.Order(make([]int, f.Dim)) {
		if len(drawn) == p.Features {
			break
		}
		if one, ok := featureOf(column(f.TrainX, f.Dim, j)); ok {
			drawn = append(drawn, one)
		}
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
	}
	if len(drawn) < 2 {
		return nil, fmt.Errorf("evaluate: independence: %d of %d features differ between images; want two or more",
			len(drawn), f.Dim)
	}
	var dependence, correlation float64
	pairs := len(drawn) * (len(drawn) - 1) / 2
	for i := range drawn {
		for j := range i {
			dependence += hsic(drawn[i].kernel, drawn[j].kernel) / math.Sqrt(drawn[i].own*drawn[j].own)
			correlation += math.Abs(dot(drawn[i].standard, drawn[j].standard)) / float64(n)
		}
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
	}
	result := func(metric string, sum float64) Result {
		return Result{Protocol: "independence", Metric: metric, Value: sum / float64(pairs), Lower: true,
			Settings: map[string]any{"images": n, "features": len(drawn)}}
	}
	return []Result{result("nhsic", dependence), result("correlation", correlation)}, nil
}

// feature is one feature of N images.
type feature struct {
	standard []float64 // [N] of mean 0 and variance 1
	kernel   *kernel
	own      float64 // HSIC with itself
}

// featureOf is the feature of values x [N]; not one that is the same for all images, but for rounding.
func featureOf(x []float64) (feature, bool) {
	n := float64(len(x))
	mean, squares := sum(x)/n, 0.0
	for i := range x {
		x[i] -= mean
		squares += x[i] * x[i] / n
	}
	if squares <= 1e-14*mean*mean || squares == 0 {
		return feature{}, false
	}
	for i := range x {
		x[i] /= math.Sqrt(squares)
	}
	k := gaussian(x)
	own := hsic(k, k)
	return feature{x, k, own}, own > 0
}

// column is feature j of x [N,dim].
func column(x []float32, dim, j int) []float64 {
	c := make([]float64, 0, len(x)/dim)
	for i := j; i < len(x); i += dim {
		c = append(c, float64(x[i]))
	}
	return c
}

// kernel is a kernel matrix [N,N] without its diagonal.
type kernel struct {
	upper []float64 // row by row, right of the diagonal
	rows  []float64 // [N] sums
}

// gaussian is the kernel exp(-(x_i - x_j)^2 / 2) of x [N].
func gaussian(x []float64) *kernel {
	n := len(x)
	k := &kernel{make([]float64, 0, n*(n-1)/2), make([]float64, n)}
	for i, a := range x {
		for j := i + 1; j < n; j++ {
			v := math.Exp(-(a - x[j]) * (a - x[j]) / 2)
			k.upper = append(k.upper, v)
			k.rows[i] += v
			k.rows[j] += v
		}
	}
	return k
}

// hsic is the unbiased estimate of the Hilbert-Schmidt independence criterion from two kernels of the same images,
// without their diagonals:
//
//	(tr KL + 1'K1 1'L1 / ((N-1)(N-2)) - 2/(N-2) 1'KL1) / (N(N-3))
func hsic(k, l *kernel) float64 {
	n := float64(len(k.rows))
	both := 2 * dot(k.upper, l.upper)
	return (both + sum(k.rows)*sum(l.rows)/((n-1)*(n-2)) - 2/(n-2)*dot(k.rows, l.rows)) / (n * (n - 3))
}
