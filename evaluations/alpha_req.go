package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/setting"
)

// AlphaReQ is how fast the eigenvalues of the features' covariance fall: alpha of lambda_j = c j^-alpha, minus the
// slope of a straight line through log lambda_j over log j, for places j from first to last. About 1 is best, as in the
// visual cortex of mice: less is noise, much more is a collapse. It needs no labels, and ranks settings of one method,
// not methods; the authors take the features before the projector.
//
// Agrawal et al. 2022, alpha-ReQ: Assessing representation quality in self-supervised learning by measuring
// eigenspectrum decay, NeurIPS, section 3; the line with weights 1/j over places 11 to 100, is that of Stringer et al.
// 2019, doi:10.1038/s41586-019-1346-5.
type AlphaReQ struct {
	Schedule
	Images   int  `toml:"images"`   // training images that it looks at, at most
	First    int  `toml:"first"`    // place of the first eigenvalue of the line; the largest is 1
	Last     int  `toml:"last"`     // of the last one, at most the number of features
	Weighted bool `toml:"weighted"` // weigh place j with 1/j; else all places alike
}

// leastPlaces is how many eigenvalues a line goes through at least.
const leastPlaces = 3

// negligible is the share of the largest eigenvalue below which one is rounding and not the features'.
const negligible = 1e-12

// DefaultAlphaReQ is the line from 11 to 100 of 4,096 images.
func DefaultAlphaReQ() *AlphaReQ {
	return &AlphaReQ{Images: 4096, First: 11, Last: 100, Weighted: true}
}

// Validate checks the settings.
func (p *AlphaReQ) Validate() error {
	var bad []error
	if p.Images < 4 {
		bad = append(bad, setting.Bad("images", "%d: want 4 or more", p.Images))
	}
	if p.First < 1 {
		bad = append(bad, setting.Bad("first", "%d: want 1 or more, the largest eigenvalue is 1", p.First))
	}
	if p.Last < p.First+leastPlaces-1 {
		bad = append(bad, setting.Bad("last", "%d: want at least first + %d = %d, as a line goes through %d points "+
			"or more", p.Last, leastPlaces-1, p.First+leastPlaces-1, leastPlaces))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *AlphaReQ) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns alpha, of which 1 is best. Its settings have the line's R^2.
func (p *AlphaReQ) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("alpha_req", f.TrainX); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	values, err := CovarianceSpectrum(f.TrainX, f.Dim)
	if err != nil {
		return nil, fmt.Errorf("evaluate: alpha_req: %w", err)
	}
	n := 0
	for n < len(values) && values[n] > negligible*values[0] {
		n++
	}
	first, last := p.First, min(p.Last, n)
	var notes []string
	switch {
	case n < leastPlaces:
		return nil, fmt.Errorf("evaluate: alpha_req: the features vary in %d directions; a line goes through %d "+
			"eigenvalues or more", n, leastPlaces)
	case last-first+1 < leastPlaces:
		first = 1
		fallthrough
	case last < p.Last:
		notes = []string{fmt.Sprintf("alpha is of eigenvalues %d to %d and not %d to %d, as the features vary in %d "+
			"directions", first, last, p.First, p.Last, n)}
	}
	alpha, r2 := p.line(values[:last], first)
	settings := map[string]any{"images": len(f.TrainX) / f.Dim, "first": first, "last": last, "weighted": p.Weighted,
		"r2": r2}
	one := 1.0
	return []Result{{Protocol: "alpha_req", Metric: "alpha", Value: alpha, Ideal: &one, Settings: settings,
		Notes: notes}}, nil
}

// line is minus the slope of log values[j-1] over log j from place first on, by least squares, and the share of the
// variance that the line explains.
func (p *AlphaReQ) line(values []float64, first int) (alpha, r2 float64) {
	var w, mx, my float64
	weight := func(j int) float64 {
		if p.Weighted {
			return 1 / float64(j)
		}
		return 1
	}
	for j := first; j <= len(values); j++ {
		w += weight(j)
		mx += weight(j) * math.Log(float64(j))
		my += weight(j) * math.Log(values[j-1])
	}
	mx, my = mx/w, my/w
	var xx, xy, yy float64
	for j := first; j <= len(values); j++ {
		x, y := math.Log(float64(j))-mx, math.Log(values[j-1])-my
		xx, xy, yy = xx+weight(j)*x*x, xy+weight(j)*x*y, yy+weight(j)*y*y
	}
	if yy == 0 { // a level line, which explains all there is
		return 0, 1
	}
	return -xy / xx, xy * xy / (xx * yy)
}
