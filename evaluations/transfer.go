package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Transfer is how well the frozen encoder's features tell the classes of another data set apart, which the table
// names: `[evaluate.transfer.to.emoji_32]`. The nearest neighbours and the linear probe learn from its labelled
// training images and are measured on its test images; the strength of the penalty is chosen on a split of its training
// images, as that of [evaluate.linear] is on the run's own.
//
// Kornblith et al. 2019, arXiv:1805.08974; Chen et al. 2020, arXiv:2002.05709, section 4. Images of the other set are
// shown as the run's evaluation shows its own: resized, in the channels that the encoder takes, with the statistics of
// the training set. It needs no labels of the run's own data, and runs at the end alone.
type Transfer struct {
	AtEnd
	// the other data set
	To overlay.Choice[datasets.Source] `toml:"to" overlay:"of=dataset,optional"`

	K  int       `toml:"k"`  // neighbours, which vote by their similarity as in [evaluate.knn]
	L2 []float64 `toml:"l2"` // strengths of the probe's penalty; of several the best on the split

	Iterations int `toml:"iterations"` // of one fit, at most
	// a fit has converged when no entry of the objective's gradient is larger, in nats
	Tolerance float64 `toml:"tolerance"`
}

// DefaultTransfer measures as [evaluate.knn] and [evaluate.linear] do.
func DefaultTransfer() *Transfer {
	l := DefaultLinear()
	return &Transfer{K: 20, L2: l.L2, Iterations: l.Iterations, Tolerance: l.Tolerance}
}

func (p *Transfer) linear() *Linear {
	return &Linear{Standardize: true, L2: p.L2, Iterations: p.Iterations, Tolerance: p.Tolerance}
}

// Validate checks the settings.
func (p *Transfer) Validate() error {
	bad := []error{p.linear().Validate(), setting.Least("k", p.K, 1)}
	if p.To.Value == nil {
		bad = append(bad, setting.Bad("to", "names no data set: want one whose classes are to be told apart, such as "+
			"[evaluate.transfer.to.emoji_32]"))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Transfer) Needs() Needs { return Needs{Outside: p.To.Value, Transfer: true} }

// Evaluate returns top1, and top5 where there are more than five classes, of the neighbours and of the probe, by the
// name of the other data set. f is of that.
func (p *Transfer) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("transfer"); err != nil {
		return nil, err
	}
	knn, linear := DefaultKNN(), p.linear()
	knn.K = []int{p.K}
	if len(f.Held) == 0 && len(p.L2) > 1 {
		return nil, fmt.Errorf("evaluate: transfer: l2 = %v is to be chosen, and no training image of %s is held out; "+
			"want one strength, or [validation] share above 0", p.L2, p.To.Name)
	}
	var out []Result
	for _, way := range []Protocol{knn, linear} {
		rs, err := way.Evaluate(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("evaluate: transfer: %w", err)
		}
		for _, r := range rs {
			r.Metric = fmt.Sprintf("%s %s %s", p.To.Name, r.Protocol, r.Metric)
			r.Protocol, r.K, r.Hits = "transfer", 0, nil
			if r.Images == 0 {
				r.Images = len(f.TestY)
			}
			r.Notes = append(slices.Clone(r.Notes), fmt.Sprintf("of %d test images of %s", len(f.TestY), p.To.Name))
			out = append(out, r)
		}
	}
	return out, nil
}
