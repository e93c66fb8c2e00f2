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
// do, one for each of several learning rates beside each other on the same batches; of a transformer also one for each
// number of last blocks whose tokens are put together, and for each way to pool these:
//
//	class  the class tokens of the last n blocks [n D]
//	mean   the means of their patches [n D]
//	both   the class tokens of the last n blocks and the mean of the last one's patches [(n+1) D]
//
// The classifier that is most often right on the validation split is trained again on all training images; of equals
// the first, by blocks, pooling and rates in their order. Tokens are taken after the final norm.
//
// With augment every epoch shows other random crops of the training images, mirrored half of the time, whose features
// are computed anew: the protocol of Zhang et al. 2016, arXiv:1603.08511, as SimCLR and MAE have it, and DINOv2. It
// costs the encoder twice the epochs where there is something to choose.
//
// Oquab et al. 2023, DINOv2, arXiv:2304.07193, eval/linear.py: rates for 256 rows, half a cosine down to 0, no weight
// decay, weights from a normal distribution of deviation 0.01. Its blocks are [1, 4] and its pool ["class", "both"];
// features are not standardised there, and the classifier that is chosen is not trained again.
type LinearSGD struct {
	Schedule
	Rates  []float64 `toml:"rates"`  // for 256 rows a step; of several the best on the validation split
	Blocks []int     `toml:"blocks"` // numbers of last blocks of a transformer, such as [1, 4]; []: its features
	// class | mean | both, with blocks; of several the best on the validation split
	Pool        []string `toml:"pool"`
	Augment     bool     `toml:"augment"`     // other random crops every epoch
	CropArea    float64  `toml:"crop_area"`   // least share of an image that a crop has, with augment
	Epochs      int      `toml:"epochs"`      // over the training images
	Batch       int      `toml:"batch"`       // rows of a step
	Momentum    float64  `toml:"momentum"`    // of the steps
	Decay       float64  `toml:"decay"`       // of the weights
	Standardize bool     `toml:"standardize"` // shift and scale features to mean 0 and variance 1
}

// DefaultLinearSGD has ten rates for ten epochs.
func DefaultLinearSGD() *LinearSGD {
	return &LinearSGD{Rates: []float64{1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3}, Pool: []string{"class"},
		CropArea: 0.08, Epochs: 10, Batch: 256, Momentum: 0.9, Standardize: true}
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
	for i, n := range p.Blocks {
		if n < 1 || slices.Contains(p.Blocks[:i], n) {
			bad = append(bad, setting.Bad("blocks", "%v: want numbers of 1 or more, each once", p.Blocks))
			break
		}
	}
	if len(p.Pool) == 0 {
		bad = append(bad, setting.Bad("pool", "none: want at least one, such as [\"class\"]"))
	}
	for i, way := range p.Pool {
		if !slices.Contains([]string{"class", "mean", "both"}, way) || slices.Contains(p.Pool[:i], way) {
			bad = append(bad, setting.Bad("pool", "%q: want \"class\", \"mean\" or \"both\", each once", way))
		}
	}
	if !(p.CropArea > 0 && p.CropArea <= 1) {
		bad = append(bad, setting.Bad("crop_area", "%v: want a share above 0, at most 1", p.CropArea))
	}
	return errors.Join(append(bad, setting.Least("epochs", p.Epochs, 1), setting.Least("batch", p.Batch, 2),
		setting.Within("momentum", p.Momentum, 0, 0.9999), setting.Weight("decay", p.Decay))...)
}

// Needs implements Protocol.
func (p *LinearSGD) Needs() Needs {
	n := Needs{Labels: true, Validation: len(p.Rates)*max(1, len(p.Blocks)*len(p.Pool)) > 1}
	if len(p.Blocks) > 0 {
		n.Blocks = slices.Max(p.Blocks)
		n.Class = slices.ContainsFunc(p.Pool, func(way string) bool { return way != "mean" })
	}
	if p.Augment {
		n.Augment = &Augment{Area: p.CropArea, Flip: 0.5}
	}
	return n
}

// sgdChoice is a classifier's rate, and the columns of the features that it learns from.
type sgdChoice struct {
	rate     float64
	blocks   int // 0: the features as they are
	pool     string
	from, to int
}

// choices lists the classifiers that are compared.
func (p *LinearSGD) choices(f Features) (all []sgdChoice) {
	inputs := []sgdChoice{{to: f.Dim}}
	if b := f.Blocks; b != nil {
		inputs = nil
		first := 0 // column of the means
		if b.HasClass {
			first = b.Count * b.Dim
		}
		for _, n := range slices.Sorted(slices.Values(p.Blocks)) {
			for _, way := range p.Pool {
				c := sgdChoice{blocks: n, pool: way, from: first - n*b.Dim, to: first}
				switch way {
				case "mean":
					c.from, c.to = first, first+n*b.Dim
				case "both":
					c.to = first + b.Dim
				}
				inputs = append(inputs, c)
			}
		}
	}
	for _, c := range inputs {
		for _, c.rate = range slices.Sorted(slices.Values(p.Rates)) {
			all = append(all, c)
		}
	}
	return all
}

// Evaluate returns top1, and top5 where there are more than five classes.
func (p *LinearSGD) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("linear_sgd"); err != nil {
		return nil, err
	}
	choices, all := p.choices(f), rowsBut(f, nil)
	best := 0
	var ranks []int
	switch {
	case len(choices) == 1:
	case f.Validation: // the test set is the split
		found, err := p.fit(ctx, f, all, choices, f.TestX, f.TestY)
		if err != nil {
			return nil, err
		}
		best = mostRight(found)
		ranks = found[best]
	case len(f.Held) == 0:
		return nil, fmt.Errorf("evaluate: linear_sgd: rates = %v, blocks = %v and pool = %v are to be chosen, and "+
			"there is no validation split; want one of each, or [validation] share above 0", p.Rates, p.Blocks, p.Pool)
	default:
		x, y := f.held()
		found, err := p.fit(ctx, f, rowsBut(f, f.Held), choices, x, y)
		if err != nil {
			return nil, err
		}
		best = mostRight(found)
	}
	if ranks == nil {
		found, err := p.fit(ctx, f, all, choices[best:best+1], f.TestX, f.TestY)
		if err != nil {
			return nil, err
		}
		ranks = found[0]
	}
	chosen := choices[best]
	settings := map[string]any{"rate": chosen.rate, "epochs": p.Epochs, "batch": p.Batch, "momentum": p.Momentum,
		"decay": p.Decay, "standardize": p.Standardize}
	if f.Augmented != nil {
		settings["crop_area"] = p.CropArea
	}
	if f.Blocks != nil {
		settings["blocks"], settings["pool"] = chosen.blocks, chosen.pool
		settings["blocks_of"], settings["pool_of"] = p.Blocks, p.Pool
	}
	out := accuracies("linear_sgd", 0, f.Classes, 5, ranks, f.TestY, settings)
	if len(p.Rates) > 1 {
		settings["rates"] = p.Rates
		for i := range out {
			out[i].Notes = edgeNotes(chosen.rate, p.Rates)
		}
	}
	return out, nil
}

// edgeNotes say that the rate that was chosen is at the edge of the grid.
func edgeNotes(rate float64, rates []float64) []string {
	switch rate {
	case slices.Min(rates):
		return []string{fmt.Sprintf("the rate that was chosen, %v, is the smallest of the grid: a smaller one may do "+
			"better", rate)}
	case slices.Max(rates):
		return []string{fmt.Sprintf("the rate that was chosen, %v, is the largest of the grid: a larger one may do "+
			"better", rate)}
	}
	return nil
}

// fit trains classifiers beside each other, and ranks the labels of other rows by each.
func (p *LinearSGD) fit(ctx context.Context, f Features, rows []int, choices []sgdChoice, x []float32,
	y []int32) ([][]int, error) {
	var list []classifier
	for _, c := range choices {
		list = append(list, classifier{
			build: func(s *graph.Scope, x *graph.Node) *graph.Node {
				if c.from > 0 || c.to < f.Dim {
					x = op.Slice(x, 1, c.from, c.to)
				}
				w := s.Param("weight", graph.Normal(0.01), c.to-c.from, f.Classes)
				return op.Add(layer.Product(s, x, w), s.Param("bias", graph.Fill(0), f.Classes))
			},
			rates: &optim.SGD{Rate: cosine(c.rate, p.Decay), Momentum: p.Momentum},
		})
	}
	b, err := newBatches(f, rows, p.Standardize, p.Batch, p.Epochs, list)
	if err == nil {
		b.again = f.Augmented
	}
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
