package evaluations

import (
	"context"
	"errors"
	"math"

	"selfsup/graph/device"
	"selfsup/setting"
)

// AlignUniform is how near two random views of an image lie, and how evenly images lie on the sphere; of both less is
// better. With unit rows x, y of the two views:
//
//	alignment  = mean of |x-y|^alpha
//	uniformity = log of the mean of exp(-t |x-x'|^2) over pairs of images; the mean of both views' values
//
// It needs no labels. Wang and Isola 2020, arXiv:2005.10242, eq. 4 and 5, and the authors' code.
type AlignUniform struct {
	Schedule
	Images int     `toml:"images"` // training images that it looks at, at most
	Alpha  float64 `toml:"alpha"`  // exponent of the distance of views
	T      float64 `toml:"t"`      // of the Gaussian potential
}

// DefaultAlignUniform is the authors' alpha and t of 2, on 2,048 images.
func DefaultAlignUniform() *AlignUniform { return &AlignUniform{Images: 2048, Alpha: 2, T: 2} }

// Validate checks the settings.
func (p *AlignUniform) Validate() error {
	var bad []error
	if p.Images < 2 {
		bad = append(bad, setting.Bad("images", "%d: want 2 or more", p.Images))
	}
	if !(p.Alpha > 0) || math.IsInf(p.Alpha, 0) {
		bad = append(bad, setting.Bad("alpha", "%v: want a number above 0", p.Alpha))
	}
	if !(p.T > 0) || math.IsInf(p.T, 0) {
		bad = append(bad, setting.Bad("t", "%v: want a number above 0", p.T))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *AlignUniform) Needs() Needs { return Needs{Views: true, Images: p.Images} }

// Evaluate returns the alignment and the uniformity.
func (p *AlignUniform) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	for _, x := range [][]float32{f.ViewA, f.ViewB} {
		if err := f.checkFeatures("align_uniform", x); err != nil {
			return nil, err
		}
	}
	if len(f.ViewA) != len(f.ViewB) {
		return nil, errors.New("evaluate: align_uniform: the two views are not of as many images")
	}
	x, y := UnitRows[float32](f.ViewA, f.Dim), UnitRows[float32](f.ViewB, f.Dim)
	n := len(x) / f.Dim
	var align float64
	for i := range n {
		align += math.Pow(distance(x, y, i, i, f.Dim), p.Alpha/2) / float64(n)
	}
	var uniform float64
	for _, v := range [][]float32{x, y} {
		u, err := p.uniformity(ctx, f, v)
		if err != nil {
			return nil, err
		}
		uniform += u / 2
	}
	settings := map[string]any{"images": n, "alpha": p.Alpha, "t": p.T}
	result := func(metric string, v float64) Result {
		return Result{Protocol: "align_uniform", Metric: metric, Value: v, Lower: true, Settings: settings}
	}
	return []Result{result("alignment", align), result("uniformity", uniform)}, nil
}

// uniformRows is how many images are compared with all before them in one go.
const uniformRows = 64

// uniformity of unit rows x, over pairs of different images.
func (p *AlignUniform) uniformity(ctx context.Context, f Features, x []float32) (float64, error) {
	n := len(x) / f.Dim
	sums := make([]float64, n)
	for from := 0; from < n; from += uniformRows {
		if err := f.goOn(ctx); err != nil {
			return 0, err
		}
		device.Parallel(min(uniformRows, n-from), func(task int) {
			i := from + task
			for j := range i {
				sums[i] += math.Exp(-p.T * distance(x, x, i, j, f.Dim))
			}
		})
	}
	var sum float64
	for _, s := range sums {
		sum += s
	}
	return math.Log(sum / (float64(n) * float64(n-1) / 2)), nil
}

// distance is the squared distance of row i of x and row j of y.
func distance(x, y []float32, i, j, dim int) (sum float64) {
	a, b := x[i*dim:(i+1)*dim], y[j*dim:(j+1)*dim]
	for k, v := range a {
		d := float64(v) - float64(b[k])
		sum += d * d
	}
	return sum
}
