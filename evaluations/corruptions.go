package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets/corruptions"
	"selfsup/setting"
)

// Corruptions is how often the linear probe of clean training images is wrong about test images that are corrupted: the
// mean over five severities for every corruption, and the mean over the corruptions. Relative to another representation
// it is
//
//	mCE = mean over corruptions c of sum_s E_s,c / sum_s E'_s,c
//
// with error E at severity s, and E' that of the untrained encoder or another baseline: 1 is no better than that.
// Hendrycks and Dietterich 2019, arXiv:1903.12261, section 4, with AlexNet in place of the baseline. The probe is that
// of [evaluate.linear]. The test images go through the encoder five times for every kind.
type Corruptions struct {
	Schedule
	Kinds []string  `toml:"kinds"`   // of corruptions; "sketch", drawings of edges, is none of the paper's
	Other string    `toml:"against"` // untrained | pixels | projector1 ...: what mCE is relative to
	L2    []float64 `toml:"l2"`      // strengths of the probe's penalty; of several the best on the validation split
	// of one fit, at most
	Iterations int `toml:"iterations"`
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultCorruptions has all kinds, relative to the untrained encoder.
func DefaultCorruptions() *Corruptions {
	l := DefaultLinear()
	return &Corruptions{Kinds: corruptions.Names(), Other: "untrained", L2: l.L2, Iterations: l.Iterations,
		Tolerance: l.Tolerance}
}

// linear is the probe.
func (p *Corruptions) linear() *Linear {
	return &Linear{Standardize: true, L2: p.L2, Iterations: p.Iterations, Tolerance: p.Tolerance}
}

// Validate checks the settings.
func (p *Corruptions) Validate() error {
	bad := []error{p.linear().Validate()}
	if len(p.Kinds) == 0 {
		bad = append(bad, setting.Bad("kinds", "none: want some of %v", corruptions.Kinds()))
	}
	for i, k := range p.Kinds {
		if !slices.Contains(corruptions.Kinds(), k) || slices.Contains(p.Kinds[:i], k) {
			bad = append(bad, setting.Bad("kinds", "%q: want some of %v, each once", k, corruptions.Kinds()))
		}
	}
	if p.Other == "" || p.Other == "trained" {
		bad = append(bad, setting.Bad("against", "%q: want a representation beside the trained one, such as "+
			"\"untrained\"", p.Other))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Corruptions) Needs() Needs {
	return Needs{Labels: true, Validation: len(p.L2) > 1, Corrupted: true}
}

// Evaluate returns the error of every corruption, and their mean. Less is better.
func (p *Corruptions) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Corrupted == nil {
		return nil, errors.New("evaluate: corruptions: no corrupted test images")
	}
	probe := p.linear()
	whole, best, err := probe.solve(ctx, f, "corruptions")
	if err != nil {
		return nil, err
	}
	var out []Result
	mean := Result{Protocol: "corruptions", Metric: "error", Settings: probe.settings(best), Notes: probe.notes(best),
		Lower: true}
	for _, kind := range p.Kinds {
		one := mean
		one.Metric, one.Value = kind, 0
		for severity := 1; severity <= corruptions.Severities; severity++ {
			if err := f.goOn(ctx); err != nil {
				return nil, err
			}
			x, err := f.Corrupted(ctx, kind, severity)
			if err != nil {
				return nil, err
			}
			spoilt := Features{TrainX: f.TrainX, TrainY: f.TrainY, TestX: x, TestY: f.TestY, Dim: f.Dim,
				Classes: f.Classes}
			if err := spoilt.check("corruptions"); err != nil {
				return nil, fmt.Errorf("%w, after %s of severity %d", err, kind, severity)
			}
			one.Value += (1 - topK(whole.ranks(best.x, x, f.TestY), 1)) / corruptions.Severities
		}
		mean.Value += one.Value / float64(len(p.Kinds))
		out = append(out, one)
	}
	return append(out, mean), nil
}

// Relate returns mCE, where the other representation is wrong at all.
func (p *Corruptions) Relate(own, other []Result) []Result {
	out := Result{Protocol: "corruptions", Metric: "mCE", Settings: map[string]any{"against": p.Other}, Lower: true}
	for _, kind := range p.Kinds {
		is := func(r Result) bool { return r.Metric == kind }
		a, b := slices.IndexFunc(own, is), slices.IndexFunc(other, is)
		if a < 0 || b < 0 || other[b].Value == 0 {
			return nil
		}
		out.Value += own[a].Value / other[b].Value / float64(len(p.Kinds))
		out.Notes = own[a].Notes
	}
	return []Result{out}
}

// Against implements Relative.
func (p *Corruptions) Against() string { return p.Other }
