package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// LinearSGD trains linear classifiers of frozen features by stochastic gradient descent with momentum, as the papers
// do, one for each of several learning rates beside each other on the same batches. The rate is used whose classifier
// is most often right on the validation split, of equals the smaller; its classifier is then trained again on all
// training images.
//
// Oquab et al. 2023, DINOv2, arXiv:2304.07193, eval/linear.py: rates for 256 rows, half a cosine down to 0, no weight
// decay, weights from a normal distribution of deviation 0.01. There are no augmented views: the features are those of
// the images themselves. DINOv2 chooses among layers and poolings too.
type LinearSGD struct {
	Schedule
	Rates       []float64 `toml:"rates"`       // for 256 rows a step; of several the best on the validation split
	Epochs      int       `toml:"epochs"`      // over the training images
	Batch       int       `toml:"batch"`       // rows of a step
	Momentum    float64   `toml:"momentum"`    // of the steps
	Decay       float64   `toml:"decay"`       // of the weights
	Standardize bool      `toml:"standardize"` // shift and scale features to mean 0 and variance 1
}

// DefaultLinearSGD has ten rates for ten epochs.
func DefaultLinearSGD() *LinearSGD {
	return &LinearSGD{Rates: []float64{1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3}, Epochs: 10, Batch: 256,
		Momentum: 0.9, Standardize: true}
}

// Validate checks the settings.
func (p *LinearSGD) Validate() error {
	var bad []error
	if len(p.Rates) == 0 {
		bad = append(bad, setting.Bad("rates", "no numbers: want at least one, such as [0.01]"))
	}
	for i, v := range p.Rates {
		if !(v > 0) || slices.Contains(p.Rates[:i], v) {
			bad = append(bad, setting.Bad("rates", "%v: want numbers above 0, each once", p.Rates))
			break
		}
	}
	return errors.Join(append(bad, setting.Least("epochs", p.Epochs, 1), setting.Least("batch", p.Batch, 2),
		setting.Within("momentum", p.Momentum, 0, 0.9999), setting.Weight("decay", p.Decay))...)
}

// Needs implements Protocol.
func (p *LinearSGD) Needs() Needs { return Needs{Labels: true, Validation: len(p.Rates) > 1} }

// Evaluate returns top1, and top5 where there are more than five classes.
func (p *LinearSGD) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("linear_sgd"); err != nil {
		return nil, err
	}
	rates, all := slices.Sorted(slices.Values(p.Rates)), rowsBut(f, nil)
	best := 0
	var ranks []int
	switch {
	case len(rates) == 1:
	case f.Validation: // the test set is the split
		found, err := p.fit(ctx, f, all, rates, f.TestX, f.TestY)
		if err != nil {
			return nil, err
		}
		best = mostRight(found)
		ranks = found[best]
	case len(f.Held) == 0:
		return nil, fmt.Errorf("evaluate: linear_sgd: rates = %v is to be chosen, and there is no validation split; "+
			"want one rate, or [validation] share above 0", p.Rates)
	default:
		x, y := f.held()
		found, err := p.fit(ctx, f, rowsBut(f, f.Held), rates, x, y)
		if err != nil {
			return nil, err
		}
		best = mostRight(found)
	}
	if ranks == nil {
		found, err := p.fit(ctx, f, all, rates[best:best+1], f.TestX, f.TestY)
		if err != nil {
			return nil, err
		}
		ranks = found[0]
	}
	settings := map[string]any{"rate": rates[best], "epochs": p.Epochs, "batch": p.Batch, "momentum": p.Momentum,
		"decay": p.Decay, "standardize": p.Standardize}
	out := accuracies("linear_sgd", 0, f.Classes, 5, ranks, f.TestY, settings)
	if len(rates) > 1 {
		settings["rates"] = p.Rates
		for i := range out {
			out[i].Notes = edgeNotes(best, len(rates), rates[best])
		}
	}
	return out, nil
}

// edgeNotes say that the best of n rates, rising, is at the edge of the grid.
func edgeNotes(best, n int, rate float64) []string {
	switch best {
	case 0:
		return []string{fmt.Sprintf("the rate that was chosen, %v, is the smallest of the grid: a smaller one may do "+
			"better", rate)}
	case n - 1:
		return []string{fmt.Sprintf("the rate that was chosen, %v, is the largest of the grid: a larger one may do "+
			"better", rate)}
	}
	return nil
}

// fit trains a classifier with each rate, and ranks the labels of other rows.
func (p *LinearSGD) fit(ctx context.Context, f Features, rows []int, rates []float64, x []float32,
	y []int32) ([][]int, error) {
	var list []classifier
	for _, rate := range rates {
		list = append(list, classifier{
			build: func(s *graph.Scope, x *graph.Node) *graph.Node {
				w := s.Param("weight", graph.Normal(0.01), f.Dim, f.Classes)
				return op.Add(layer.Product(s, x, w), s.Param("bias", graph.Fill(0), f.Classes))
			},
			rates: &optim.SGD{Rate: cosine(rate, p.Decay), Momentum: p.Momentum},
		})
	}
	b, err := newBatches(f, rows, p.Standardize, p.Batch, p.Epochs, list)
	for range p.Epochs {
		if err != nil {
			break
		}
		err = b.epoch(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate: linear_sgd: %w", err)
	}
	return b.ranks(ctx, x, y)
}

// mostRight is the first classifier that is most often right.
func mostRight(ranks [][]int) (best int) {
	for i := range ranks {
		if topK(ranks[i], 1) > topK(ranks[best], 1) {
			best = i
		}
	}
	return best
}
