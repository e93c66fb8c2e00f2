package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/optim"
	"selfsup/heads"
	"selfsup/setting"
)

// MLP trains a network of hidden layers, each with batch norm and ReLU, on frozen features, and stops early: the state
// is used that is most often right on the validation split, and the training ends when so many epochs have not bettered
// it. What it has above the linear probe is what the features hold in a form that is not linear. The images of the
// split are not learnt from.
//
// AdamW with half a cosine down to 0 over the epochs; features are standardised.
type MLP struct {
	Schedule
	Hidden   []int   `toml:"hidden"`   // widths of the hidden layers
	Rate     float64 `toml:"rate"`     // for 256 rows a step
	Decay    float64 `toml:"decay"`    // of the weights
	Batch    int     `toml:"batch"`    // rows of a step
	Epochs   int     `toml:"epochs"`   // at most
	Patience int     `toml:"patience"` // epochs without a better state before it stops
}

// DefaultMLP has one hidden layer of 512.
func DefaultMLP() *MLP {
	return &MLP{Hidden: []int{512}, Rate: 1e-3, Decay: 0.05, Batch: 256, Epochs: 50, Patience: 10}
}

// Validate checks the settings.
func (p *MLP) Validate() error {
	bad := []error{setting.Positive("rate", p.Rate), setting.Weight("decay", p.Decay),
		setting.Least("batch", p.Batch, 2), setting.Least("epochs", p.Epochs, 1),
		setting.Least("patience", p.Patience, 1)}
	if len(p.Hidden) == 0 {
		bad = append(bad, setting.Bad("hidden", "no widths: want at least one, such as [512]; "+
			"[evaluate.linear] has none"))
	}
	return errors.Join(append(bad, heads.CheckHidden("hidden", p.Hidden))...)
}

// Needs implements Protocol.
func (p *MLP) Needs() Needs { return Needs{Labels: true, Validation: true} }

// Evaluate returns top1, and top5 where there are more than five classes.
func (p *MLP) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("mlp"); err != nil {
		return nil, err
	}
	rows, x, y := rowsBut(f, f.Held), f.TestX, f.TestY // during the training the test set is the split
	if !f.Validation {
		if x, y = f.held(); len(y) == 0 {
			return nil, errors.New("evaluate: mlp: early stopping needs a validation split; want [validation] share " +
				"above 0")
		}
	}
	b, err := newBatches(f, rows, true, p.Batch, p.Epochs, []classifier{{
		build: func(s *graph.Scope, x *graph.Node) *graph.Node {
			return heads.MLP(s, f.Dim, append(slices.Clone(p.Hidden), f.Classes)...)(x)
		},
		rates: p.optimizer(),
	}})
	if err != nil {
		return nil, fmt.Errorf("evaluate: mlp: %w", err)
	}
	best, at, right, epoch := []int(nil), 0, -1.0, 1
	for ; epoch <= p.Epochs && epoch-at <= p.Patience; epoch++ {
		if err := b.epoch(ctx); err != nil {
			return nil, fmt.Errorf("evaluate: mlp: %w", err)
		}
		found, err := b.ranks(ctx, x, y)
		if err != nil {
			return nil, fmt.Errorf("evaluate: mlp: %w", err)
		}
		if top1 := topK(found[0], 1); top1 > right {
			right, at = top1, epoch
			if found, err = b.ranks(ctx, f.TestX, f.TestY); err != nil {
				return nil, fmt.Errorf("evaluate: mlp: %w", err)
			}
			best = found[0]
		}
	}
	settings := map[string]any{"hidden": p.Hidden, "rate": p.Rate, "decay": p.Decay, "batch": p.Batch, "epoch": at,
		"epochs": epoch - 1, "validation": right}
	out := accuracies("mlp", 0, f.Classes, 5, best, f.TestY, settings)
	if at+p.Patience > p.Epochs {
		for i := range out {
			out[i].Notes = []string{fmt.Sprintf("the best state is that of epoch %d of %d: early stopping has not "+
				"ended the training", at, p.Epochs)}
		}
	}
	return out, nil
}

func (p *MLP) optimizer() *optim.AdamW {
	o := optim.DefaultAdamW()
	o.Rate = cosine(p.Rate, p.Decay)
	return o
}
