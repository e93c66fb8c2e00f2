package evaluations

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"

	"selfsup/setting"
)

// Boosting is how well gradient-boosted trees do that learn from a share of the labels, on the samples' own values
// (raw or pixels): the baseline of tables, beside logistic regression on the same values ([evaluate.linear] and
// [evaluate.low_shot], whose draws of labels are the same). With features = true trees learn from encoders' features
// too.
//
// Trees of second derivatives by histograms (XGBoost, arXiv:1603.02754; own code, with XGBoost's default settings):
// the softmax loss, one tree for each class and round, or one of two classes. No row or column is left out by chance.
// A missing number is 0 with an indicator, a category is indicators, as other protocols have them.
type Boosting struct {
	Schedule
	Shares   []float64 `toml:"shares"`   // of each class, rounded, at least one row; 1: all
	Draws    int       `toml:"draws"`    // of the rows, by the seed; of share 1 one
	Rounds   int       `toml:"rounds"`   // trees of each class
	Rate     float64   `toml:"rate"`     // factor of each tree
	Depth    int       `toml:"depth"`    // splits between a root and a leaf, at most
	L2       float64   `toml:"l2"`       // penalty of squared leaves, lambda
	Least    float64   `toml:"least"`    // sum of second derivatives on both sides of a split, at least
	Bins     int       `toml:"bins"`     // of a column, at most
	Features bool      `toml:"features"` // of encoders too, not of samples alone
}

// DefaultBoosting has XGBoost's settings, on shares of 1, 10 and 100 %.
func DefaultBoosting() *Boosting {
	return &Boosting{Shares: []float64{0.01, 0.1, 1}, Draws: 5, Rounds: 100, Rate: 0.3, Depth: 6, L2: 1, Least: 1,
		Bins: 256}
}

// Validate checks the settings.
func (p *Boosting) Validate() error {
	var bad []error
	for i, v := range p.Shares {
		if !(v > 0 && v <= 1) || slices.Contains(p.Shares[:i], v) {
			bad = append(bad, setting.Bad("shares", "%v: want numbers above 0 and at most 1, each once", p.Shares))
			break
		}
	}
	if len(p.Shares) == 0 {
		bad = append(bad, setting.Bad("shares", "no numbers: want at least one, such as [0.1, 1.0]"))
	}
	if !p.Features && !p.Every.IsZero() {
		bad = append(bad, setting.Bad("every", "%v: the samples' own values do not change in the training; want "+
			"0, or features = true", p.Every))
	}
	if p.Bins < 2 || p.Bins > 256 {
		bad = append(bad, setting.Bad("bins", "%d: want 2 to 256", p.Bins))
	}
	return errors.Join(append(bad, setting.Least("draws", p.Draws, 1), setting.Least("rounds", p.Rounds, 1),
		setting.Least("depth", p.Depth, 1), setting.Positive("rate", p.Rate), setting.Positive("l2", p.L2),
		setting.Weight("least", p.Least))...)
}

// Needs implements Protocol.
func (p *Boosting) Needs() Needs { return Needs{Labels: true, Samples: !p.Features} }

// Evaluate returns the mean top1 of every share.
func (p *Boosting) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("boosting"); err != nil {
		return nil, err
	}
	var out []Result
	for _, share := range p.Shares {
		draws := p.Draws
		if share == 1 {
			draws = 1
		}
		r := Result{Protocol: "boosting", Metric: strconv.FormatFloat(100*share, 'g', 4, 64) + "% top1", Accuracy: true}
		var top1 []float64
		rows := 0
		for draw := range draws {
			learned := drawn(f, draw, func(n int) int { return max(1, int(math.Round(share*float64(n)))) })
			o := &boosting{rounds: p.Rounds, rate: p.Rate, depth: p.Depth, penalty: p.L2, least: p.Least, bins: p.Bins,
				goOn: func() error { return f.goOn(ctx) }}
			if err := o.fit(f.TrainX, f.Dim, learned, f.TrainY, f.Classes); err != nil {
				return nil, err
			}
			ranks := o.ranks(f.TestX, f.Dim, f.TestY, f.Classes)
			if rows = len(learned); draws == 1 {
				r.Hits = hits(ranks, 1)
			}
			top1 = append(top1, topK(ranks, 1))
		}
		r.Value, r.Deviation = meanDeviation(top1)
		r.Settings = map[string]any{"rows": rows, "draws": draws, "rounds": p.Rounds, "rate": p.Rate, "depth": p.Depth,
			"l2": p.L2, "least": p.Least, "bins": p.Bins, "of_draws": top1}
		out = append(out, r)
	}
	return out, nil
}
