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

// LowShot is how well a linear classifier of frozen features does that learns from few labelled training images: from a
// share of each class, or from so many images of each. It is the mean over several draws of these images, with the
// standard deviation over the draws. Every representation learns from the same draws.
//
// The classifier is softmax regression to its optimum at one strength of the penalty: the labels that choose one would
// be labels to learn from. Features are standardised over all training images, which takes no label.
//
// The shares of 1 % and 10 % are those of Chen et al. 2020, arXiv:2002.05709, section 4.
type LowShot struct {
	Schedule
	Shares   []float64 `toml:"shares"`    // of each class, rounded, at least one image
	PerClass []int     `toml:"per_class"` // images of each class; of a smaller class all
	Draws    int       `toml:"draws"`     // of the images, by the seed
	L2       float64   `toml:"l2"`        // strength of the penalty, as of the linear probe
	// of one fit, at most
	Iterations int `toml:"iterations"`
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultLowShot has the usual shares, and one, five and ten images of a class.
func DefaultLowShot() *LowShot {
	return &LowShot{Shares: []float64{0.01, 0.1}, PerClass: []int{1, 5, 10}, Draws: 5, L2: 0.1, Iterations: 1000,
		Tolerance: 1e-5}
}

// Validate checks the settings.
func (p *LowShot) Validate() error {
	var bad []error
	if len(p.Shares)+len(p.PerClass) == 0 {
		bad = append(bad, setting.Bad("shares", "no numbers, and per_class has none either: want one, such as [0.01]"))
	}
	for i, v := range p.Shares {
		if !(v > 0 && v <= 1) || slices.Contains(p.Shares[:i], v) {
			bad = append(bad, setting.Bad("shares", "%v: want numbers above 0 and at most 1, each once", p.Shares))
			break
		}
	}
	for i, v := range p.PerClass {
		if v < 1 || slices.Contains(p.PerClass[:i], v) {
			bad = append(bad, setting.Bad("per_class", "%v: want numbers of 1 or more, each once", p.PerClass))
			break
		}
	}
	if p.Draws < 1 {
		bad = append(bad, setting.Bad("draws", "%d: want 1 or more", p.Draws))
	}
	if p.Iterations < 1 {
		bad = append(bad, setting.Bad("iterations", "%d: want 1 or more", p.Iterations))
	}
	return errors.Join(append(bad, setting.Positive("l2", p.L2), setting.Positive("tolerance", p.Tolerance))...)
}

// Needs implements Protocol.
func (p *LowShot) Needs() Needs { return Needs{Labels: true} }

// Evaluate returns the mean top1 of every share and number of images.
func (p *LowShot) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("low_shot"); err != nil {
		return nil, err
	}
	all := newSoftmax(f, rowsBut(f, nil), 0)
	all.standardize()
	var out []Result
	for _, share := range p.Shares {
		name := strconv.FormatFloat(100*share, 'g', 4, 64) + "% top1"
		r, err := p.measure(ctx, f, all, name, func(n int) int { return max(1, int(math.Round(share*float64(n)))) })
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	for _, most := range p.PerClass {
		name := fmt.Sprintf("%d a class top1", most)
		r, err := p.measure(ctx, f, all, name, func(n int) int { return min(most, n) })
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// measure is the mean over the draws of as many images of each class as count says of its number.
func (p *LowShot) measure(ctx context.Context, f Features, all *softmax, metric string,
	count func(n int) int) (r Result, err error) {
	r = Result{Protocol: "low_shot", Metric: metric, Accuracy: true}
	var top1 []float64
	images, open := 0, 0
	for draw := range p.Draws {
		rows := drawn(f, draw, count)
		images = len(rows)
		s := newSoftmax(f, rows, p.L2)
		s.mean, s.scale = all.mean, all.scale
		m, err := s.from(s.start(), p.Iterations, p.Tolerance, func() error { return f.goOn(ctx) })
		if err != nil {
			return r, err
		}
		if math.IsNaN(m.value) {
			return r, fmt.Errorf("evaluate: low_shot: the objective is NaN at l2 = %v", p.L2)
		}
		if !m.converged {
			open++
		}
		top1 = append(top1, topK(s.ranks(m.x, f.TestX, f.TestY), 1))
	}
	r.Value, r.Deviation = meanDeviation(top1)
	r.Settings = map[string]any{"images": images, "draws": p.Draws, "l2": p.L2, "converged": open == 0,
		"tolerance": p.Tolerance, "of_draws": top1}
	if open > 0 {
		r.Notes = []string{fmt.Sprintf("%d of %d fits have not converged after %d iterations", open, p.Draws,
			p.Iterations)}
	}
	return r, nil
}

// drawn lists the training images of a draw, rising. Fewer of a class are part of more.
func drawn(f Features, draw int, count func(n int) int) (rows []int) {
	members := make([][]int, f.Classes)
	for i, y := range f.TrainY {
		members[y] = append(members[y], i)
	}
	for c, list := range members {
		if len(list) == 0 {
			continue
		}
		r := datasets.NewRand(f.Seed, "low shot", uint64(draw), uint64(c))
		r.Shuffle(list)
		rows = append(rows, list[:count(len(list))]...)
	}
	slices.Sort(rows)
	return rows
}

// meanDeviation is the mean of values and their standard deviation, of one value 0.
func meanDeviation(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	if len(values) < 2 {
		return mean, 0
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(values)-1))
}
