package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/setting"
)

// Linear trains softmax regression on frozen features to its optimum:
//
//	mean cross-entropy + l2/2 * |W|^2
//
// with W [classes,F] and a bias that is not penalised, by L-BFGS on all images at once. This is scikit-learn's
// LogisticRegression with C = 1/(l2*N). There is no augmentation and no learning rate, unlike the SGD protocol of
// Zhang et al. 2016, arXiv:1603.08511, so that a result depends on the features alone.
//
// Of several strengths the one is used whose fit on the other training images is most often right on the validation
// split; the fit that is measured is on all of them. The search goes from the strongest down, each fit from where the
// last ended, and leaves out what is weaker than two in a row that were right less often than the best. Its fits end
// at a hundred times the tolerance.
type Linear struct {
	Schedule
	// shift and scale every feature to mean 0 and variance 1 over the training images
	Standardize bool      `toml:"standardize"`
	L2          []float64 `toml:"l2"`         // strengths; of several the best on the validation split
	Iterations  int       `toml:"iterations"` // of one fit, at most
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultLinear chooses among a grid of strengths on standardised features: pixels want strong ones, trained features
// weak ones.
func DefaultLinear() *Linear {
	return &Linear{Standardize: true, L2: []float64{1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 1e-4}, Iterations: 1000,
		Tolerance: 1e-6}
}

// Validate checks the settings.
func (p *Linear) Validate() error {
	var bad []error
	if len(p.L2) == 0 {
		bad = append(bad, setting.Bad("l2", "no numbers: want at least one, such as [1e-2]"))
	}
	for i, v := range p.L2 {
		if !(v > 0) || math.IsInf(v, 0) {
			bad = append(bad, setting.Bad("l2", "%v: want numbers above 0", v))
		} else if slices.Contains(p.L2[:i], v) {
			bad = append(bad, setting.Bad("l2", "%v is there twice", v))
		}
	}
	if p.Iterations < 1 {
		bad = append(bad, setting.Bad("iterations", "%d: want 1 or more", p.Iterations))
	}
	if !(p.Tolerance > 0) || math.IsInf(p.Tolerance, 0) {
		bad = append(bad, setting.Bad("tolerance", "%v: want a number above 0, such as 1e-6", p.Tolerance))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Linear) Needs() Needs { return Needs{Labels: true, Validation: len(p.L2) > 1} }

// Evaluate returns top1, and top5 where there are more than five classes. Its settings say which l2 was used, how many
// iterations the fit took, and whether it converged.
func (p *Linear) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	whole, best, err := p.solve(ctx, f, "linear")
	if err != nil {
		return nil, err
	}
	rs := accuracies("linear", 0, f.Classes, 5, whole.ranks(best.x, f.TestX, f.TestY), f.TestY, p.settings(best))
	for i := range rs {
		rs[i].Notes = p.notes(best)
	}
	return rs, nil
}

// settings say how a fit was chosen, and how it ended.
func (p *Linear) settings(best fitted) map[string]any {
	settings := map[string]any{
		"l2": best.l2, "standardize": p.Standardize,
		"iterations": best.iterations, "converged": best.converged, "tolerance": p.Tolerance,
	}
	if len(p.L2) > 1 {
		settings["l2_of"] = p.L2
	}
	return settings
}

// solve is the fit on all training images, of the strength that the validation split chooses.
func (p *Linear) solve(ctx context.Context, f Features, protocol string) (whole *probe, best fitted, err error) {
	if err := f.check(protocol); err != nil {
		return nil, best, err
	}
	if len(p.L2) > 1 && len(f.Held) == 0 && !f.Validation {
		return nil, best, fmt.Errorf("evaluate: %s: l2 = %v is to be chosen, and there is no validation split; "+
			"want one strength, or [validation] share above 0", protocol, p.L2)
	}
	whole = p.prepare(ctx, f, rowsBut(f, nil))
	switch {
	case f.Validation: // the test set is the split
		best, err = whole.choose(f.TestX, f.TestY)
	case len(p.L2) == 1:
		best, err = whole.fit(p.L2[0], p.Tolerance)
	default:
		var chosen fitted
		if chosen, err = p.prepare(ctx, f, rowsBut(f, f.Held)).choose(f.held()); err == nil {
			whole.at = chosen.x // whose optimum is near
			best, err = whole.fit(chosen.l2, p.Tolerance)
		}
	}
	return whole, best, err
}

// notes are what a reader of the result has to know.
func (p *Linear) notes(best fitted) (notes []string) {
	if !best.converged {
		notes = append(notes, fmt.Sprintf("the fit has not converged: after %d iterations its gradient is %.2g, "+
			"want %.2g",
			best.iterations, best.slope, p.Tolerance))
	}
	return notes
}

// probe is a softmax regression under way along the strengths of a Linear.
type probe struct {
	*softmax
	*Linear
	at   []float64 // parameters that the next fit starts from
	goOn func() error
}

// fitted is a minimum at a strength.
type fitted struct {
	minimum
	l2 float64
}

func (p *Linear) prepare(ctx context.Context, f Features, rows []int) *probe {
	s := newSoftmax(f, rows, 0)
	if p.Standardize {
		s.standardize()
	}
	return &probe{softmax: s, Linear: p, at: s.start(), goOn: func() error { return f.goOn(ctx) }}
}

// fit minimises the objective at a strength to a tolerance, from where the last fit ended.
func (p *probe) fit(l2, tolerance float64) (fitted, error) {
	p.l2 = l2
	m, err := p.from(slices.Clone(p.at), p.Iterations, tolerance, p.goOn)
	if err == nil && math.IsNaN(m.value) {
		err = fmt.Errorf("evaluate: linear: the objective is NaN at l2 = %v", l2)
	}
	p.at = m.x
	return fitted{m, l2}, err
}

const (
	choosing = 100 // times the tolerance, of fits that only tell strengths apart
	enough   = 2   // strengths that are worse than the best before weaker ones are left out
)

// choose returns the fit that is most often right on the images x with labels y, of equals that of the larger strength.
func (p *probe) choose(x []float32, y []int32) (best fitted, err error) {
	strengths := slices.Sorted(slices.Values(p.L2))
	slices.Reverse(strengths)
	right, worse := -1.0, 0
	for _, l2 := range strengths {
		one, err := p.fit(l2, choosing*p.Tolerance)
		if err != nil {
			return best, err
		}
		switch top1 := topK(p.ranks(one.x, x, y), 1); {
		case top1 > right:
			best, right, worse = one, top1, 0
		case top1 < right:
			if worse++; worse == enough {
				return best, nil
			}
		}
	}
	return best, nil
}

// rowsBut lists the training images that are not held out.
func rowsBut(f Features, held []int32) []int {
	rows := make([]int, 0, len(f.TrainY)-len(held))
	for i := range f.TrainY {
		if _, out := slices.BinarySearch(held, int32(i)); !out {
			rows = append(rows, i)
		}
	}
	return rows
}
