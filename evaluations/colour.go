package evaluations

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// Colour is how much of the colour of an image its features hold. It is the share of the variance of the images' mean
// colour, a number for every channel, that a linear map of the features explains:
//
//	r2 = mean over channels of 1 - sum (c - a h - b)^2 / sum (c - mean c)^2
//
// over the test images, with a and b of least squares on training images, with a ridge on standardised features. 1 is
// all, 0 no more than the mean, and less is possible. With [baselines] projector it says what the projector leaves of
// it (Balestriero et al. 2023, arXiv:2304.12210, section 3.7.4; Bordes et al. 2023, arXiv:2206.13378). Of grey images
// it is the brightness. It needs no labels; without a test set, and during the training, every second image that the
// method sees stands for it.
type Colour struct {
	Schedule
	Images int     `toml:"images"` // of either set, at most
	Ridge  float64 `toml:"ridge"`  // added to the variances, which are 1
}

// DefaultColour looks at 4,096 images.
func DefaultColour() *Colour { return &Colour{Images: 4096, Ridge: 1e-3} }

// Validate checks the settings.
func (p *Colour) Validate() error {
	return errors.Join(setting.Least("images", p.Images, 4), setting.Positive("ridge", p.Ridge))
}

// Needs implements Protocol.
func (p *Colour) Needs() Needs { return Needs{Colours: true, Images: p.Images} }

// Evaluate returns r2. TrainSources and TestSources of f are the mean colours.
func (p *Colour) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := errors.Join(f.checkFeatures("colour", f.TrainX), f.checkFeatures("colour", f.TestX)); err != nil {
		return nil, err
	}
	n, m, channels := len(f.TrainX)/f.Dim, len(f.TestX)/f.Dim, f.Sources
	if channels < 1 || len(f.TrainSources) != n*channels || len(f.TestSources) != m*channels {
		return nil, fmt.Errorf("evaluate: colour: %d and %d numbers as colours of %d and %d images",
			len(f.TrainSources), len(f.TestSources), n, m)
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	means := make([]float64, channels)
	for i, v := range f.TrainSources {
		means[i%channels] += v / float64(n)
	}
	wanted := mat.NewDense(n, channels, nil)
	wanted.Apply(func(i, c int, _ float64) float64 { return f.TrainSources[i*channels+c] - means[c] }, wanted)
	x, test := standardized(f.TrainX, f.TestX, f.Dim)
	w, err := ridgeFit(x, wanted, float64(n)*p.Ridge)
	if err != nil {
		return nil, fmt.Errorf("evaluate: colour: %w", err)
	}
	var found mat.Dense
	found.Mul(test, w)
	own := make([]float64, channels) // means of the test images
	for i, v := range f.TestSources {
		own[i%channels] += v / float64(m)
	}
	rest, all := make([]float64, channels), make([]float64, channels)
	for i := range m {
		for c := range channels {
			v := f.TestSources[i*channels+c]
			rest[c] += (v - means[c] - found.At(i, c)) * (v - means[c] - found.At(i, c))
			all[c] += (v - own[c]) * (v - own[c])
		}
	}
	r2 := 0.0
	for c := range channels {
		if all[c] == 0 {
			return nil, fmt.Errorf("evaluate: colour: channel %d has the same mean in all test images", c)
		}
		r2 += (1 - rest[c]/all[c]) / float64(channels)
	}
	settings := map[string]any{"images": m, "ridge": p.Ridge, "channels": channels}
	return []Result{{Protocol: "colour", Metric: "r2", Value: r2, Settings: settings}}, nil
}
