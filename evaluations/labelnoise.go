package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"selfsup/datasets"
	"selfsup/setting"
)

// LabelNoise is how often the linear probe is right that learns from wrong labels: of a share of the training images,
// drawn by the seed, each has the label of another class, any of the others as often. The test labels stay right. The
// images of a smaller share are among those of a larger one. The labels of the validation split, which chooses the
// penalty, are as wrong as the others. The probe is that of [evaluate.linear]. What a supervised training makes of
// wrong labels train.label_noise shows (Zhang et al. 2017, arXiv:1611.03530).
type LabelNoise struct {
	Schedule
	Shares     []float64 `toml:"shares"`     // of the training labels
	L2         []float64 `toml:"l2"`         // strengths of the penalty; of several the best on the validation split
	Iterations int       `toml:"iterations"` // of one fit, at most
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultLabelNoise has three shares.
func DefaultLabelNoise() *LabelNoise {
	l := DefaultLinear()
	return &LabelNoise{Shares: []float64{0.2, 0.4, 0.6}, L2: l.L2, Iterations: l.Iterations, Tolerance: l.Tolerance}
}

func (p *LabelNoise) linear() *Linear {
	return &Linear{Standardize: true, L2: p.L2, Iterations: p.Iterations, Tolerance: p.Tolerance}
}

// Validate checks the settings.
func (p *LabelNoise) Validate() error {
	bad := []error{p.linear().Validate()}
	if len(p.Shares) == 0 {
		bad = append(bad, setting.Bad("shares", "none: want at least one, such as [0.4]"))
	}
	for i, v := range p.Shares {
		if !(v > 0 && v <= 1) || slices.Contains(p.Shares[:i], v) {
			bad = append(bad, setting.Bad("shares", "%v: want numbers above 0, at most 1, each once", p.Shares))
			break
		}
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *LabelNoise) Needs() Needs { return Needs{Labels: true, Validation: len(p.L2) > 1} }

// Evaluate returns the top1 of every share.
func (p *LabelNoise) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("label_noise"); err != nil {
		return nil, err
	}
	if f.Classes < 2 {
		return nil, fmt.Errorf("evaluate: label_noise: %d class; a wrong label needs another one", f.Classes)
	}
	var out []Result
	for _, share := range p.Shares {
		noisy := f
		noisy.TrainY = WrongLabels(f.TrainY, f.Classes, share, f.Seed)
		if f.Validation { // the test set is the split
			wrong := WrongLabels(slices.Concat(f.TrainY, f.TestY), f.Classes, share, f.Seed)
			noisy.TrainY, noisy.TestY = wrong[:len(f.TrainY)], wrong[len(f.TrainY):]
		}
		probe := p.linear()
		whole, best, err := probe.solve(ctx, noisy, "label_noise")
		if err != nil {
			return nil, err
		}
		settings := probe.settings(best)
		settings["share"] = share
		ranks := whole.ranks(best.x, f.TestX, f.TestY)
		out = append(out, Result{Protocol: "label_noise", Metric: "share_" + strconv.FormatFloat(share, 'g', -1, 64),
			Value: topK(ranks, 1), Settings: settings, Notes: probe.notes(best), Accuracy: true, Hits: hits(ranks, 1)})
	}
	return out, nil
}

// WrongLabels is labels of which a share, drawn by a seed, are another class. Labels below 0 are none, and stay.
func WrongLabels(labels []int32, classes int, share float64, seed uint64) []int32 {
	out, order := slices.Clone(labels), []int{}
	for i, y := range labels {
		if y >= 0 {
			order = append(order, i)
		}
	}
	r := datasets.NewRand(seed, "wrong labels")
	r.Shuffle(order)
	for _, i := range order[:int(math.Round(share*float64(len(order))))] {
		draw := datasets.NewRand(seed, "wrong label", uint64(i))
		out[i] = (labels[i] + 1 + int32(draw.Intn(classes-1))) % int32(classes)
	}
	return out
}
