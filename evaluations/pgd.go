package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"selfsup/setting"
)

// PGD is how often the linear probe of the clean training images is right about test images that were changed on
// purpose: each by a few steps along the gradient of the probe's cross-entropy with respect to the pixels, through the
// encoder, within a ball about the image. Pixels are in [0,1] and stay there.
//
//	clean      top1 of the same images as they are
//	linf_2     top1 with no pixel further than 2/255 from where it was; steps go by the gradient's sign
//	l2_0.5     top1 with the image no further than 0.5 (root of the sum of squares); steps go by its direction
//
// Madry et al. 2018, arXiv:1706.06083: a random start within the ball, by the seed, then steps of step_size times the
// radius over the number of steps. The attack knows encoder and probe; it is no bound of what others find. Encoders of
// unequal clean accuracy do not compare: evaluate during the training (every), and set robust accuracies side by side
// where the clean ones are equal, as `at` of a claim does (Balestriero et al. 2023, arXiv:2304.12210, section 1).
//
// The probe is that of [evaluate.linear]. Pixels themselves, as a baseline, are not attacked.
type PGD struct {
	Schedule
	Linf     []float64 `toml:"linf"`      // radii, in 255ths
	L2       []float64 `toml:"l2_radius"` // radii, of pixels in [0,1]
	Steps    int       `toml:"steps"`     // along the gradient
	StepSize float64   `toml:"step_size"` // times radius / steps
	Images   int       `toml:"images"`    // of the test set, at most, drawn by the seed

	Strengths  []float64 `toml:"l2"`         // of the probe's penalty; of several the best on the validation split
	Iterations int       `toml:"iterations"` // of one fit, at most
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultPGD takes ten steps of a quarter of the radius.
func DefaultPGD() *PGD {
	l := DefaultLinear()
	return &PGD{Linf: []float64{1, 2, 4, 8}, L2: []float64{0.25, 0.5, 1}, Steps: 10, StepSize: 2.5, Images: 500,
		Strengths: l.L2, Iterations: l.Iterations, Tolerance: l.Tolerance}
}

func (p *PGD) linear() *Linear {
	return &Linear{Standardize: true, L2: p.Strengths, Iterations: p.Iterations, Tolerance: p.Tolerance}
}

// Validate checks the settings.
func (p *PGD) Validate() error {
	bad := []error{p.linear().Validate(), setting.Least("steps", p.Steps, 1), setting.Least("images", p.Images, 1),
		setting.Positive("step_size", p.StepSize)}
	if len(p.Linf)+len(p.L2) == 0 {
		bad = append(bad, setting.Bad("linf", "no radii, and none in l2_radius: want some, such as [2.0]"))
	}
	for key, radii := range map[string][]float64{"linf": p.Linf, "l2_radius": p.L2} {
		for i, v := range radii {
			if !(v > 0) || math.IsInf(v, 0) || slices.Contains(radii[:i], v) {
				bad = append(bad, setting.Bad(key, "%v: want radii above 0, each once", radii))
				break
			}
		}
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *PGD) Needs() Needs {
	return Needs{Labels: true, Validation: len(p.Strengths) > 1, Attack: true, Images: p.Images}
}

// Attack is images to be changed, and what changes them.
type Attack struct {
	TestX []float32 // [M,F] features of the images as they are
	TestY []int32
	// features [M,F] of the images after steps against a linear classifier of features, weights [C,F] and biases [C]
	Run func(ctx context.Context, w, b []float32, how Ball) ([]float32, error)
}

// Ball is how far an image may be moved, and how it is moved.
type Ball struct {
	Max    bool    // the largest of a pixel's moves is bounded; else the root of their squares' sum
	Radius float64 // of pixels in [0,1]
	Step   float64 // the same
	Steps  int
}

// Evaluate returns clean, and the accuracy of every radius.
func (p *PGD) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Attack == nil {
		return nil, errors.New("evaluate: pgd: no images to attack")
	}
	probe := p.linear()
	whole, best, err := probe.solve(ctx, f, "pgd")
	if err != nil {
		return nil, err
	}
	w, b := whole.unscaled(best.x)
	settings := probe.settings(best)
	settings["steps"], settings["step_size"], settings["images"] = p.Steps, p.StepSize, len(f.Attack.TestY)
	result := func(metric string, x []float32) (Result, error) {
		some := Features{TrainX: f.TrainX, TrainY: f.TrainY, TestX: x, TestY: f.Attack.TestY, Dim: f.Dim,
			Classes: f.Classes}
		if err := some.check("pgd"); err != nil {
			return Result{}, fmt.Errorf("%w, of images moved by %s", err, metric)
		}
		return Result{Protocol: "pgd", Metric: metric, Value: topK(whole.ranks(best.x, x, f.Attack.TestY), 1),
			Settings: settings, Notes: probe.notes(best), Accuracy: true, Images: len(f.Attack.TestY)}, nil
	}
	clean, err := result("clean", f.Attack.TestX)
	if err != nil {
		return nil, err
	}
	out := []Result{clean}
	for k, radius := range slices.Concat(p.Linf, p.L2) {
		how, name := Ball{Max: k < len(p.Linf), Radius: radius, Steps: p.Steps}, "l2_"
		if how.Max {
			how.Radius, name = radius/255, "linf_"
		}
		how.Step = p.StepSize * how.Radius / float64(p.Steps)
		x, err := f.Attack.Run(ctx, w, b, how)
		if err != nil {
			return nil, fmt.Errorf("evaluate: pgd: %w", err)
		}
		one, err := result(name+strconv.FormatFloat(radius, 'g', -1, 64), x)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// unscaled is a fit's weights [C,F] and biases [C] for features as they are, not standardised.
func (s *softmax) unscaled(params []float64) (w, b []float32) {
	dim, classes := s.f.Dim, s.f.Classes
	for c := range classes {
		bias := params[classes*dim+c]
		for j, v := range params[c*dim : (c+1)*dim] {
			w = append(w, float32(v*s.scale[j]))
			bias -= v * s.scale[j] * s.mean[j]
		}
		b = append(b, float32(bias))
	}
	return w, b
}
