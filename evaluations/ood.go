package evaluations

import (
	"context"
	"errors"

	"selfsup/datasets"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// OOD is how well the distance to the training images tells test images from those of another data set, which the table
// names: `[evaluate.ood.outside.emoji_32]`. The score of an image is the cosine of its features with its k-th nearest
// training image.
//
//	auroc  how often a test image has a larger score than an outside image; equal scores count half
//	fpr95  share of the outside images whose score is at least the one that 95 % of the test images reach
//
// Sun et al. 2022, arXiv:2204.06507. It needs no labels. Images of the other set are shown as the run's evaluation
// shows its own: resized, in the channels that the encoder takes, with the statistics of the training set.
type OOD struct {
	Schedule
	// the other data set
	Outside overlay.Choice[datasets.Source] `toml:"outside" overlay:"of=dataset,optional"`

	// neighbour that counts
	K int `toml:"k"`
	// that it looks at of the other data set, at most, drawn by the seed from its test set, or from its training set
	// where it has no test set
	Images int `toml:"images"`
}

// DefaultOOD looks at the first neighbour.
func DefaultOOD() *OOD { return &OOD{K: 1, Images: 10000} }

// Validate checks the settings.
func (p *OOD) Validate() error {
	var bad []error
	if p.Outside.Value == nil {
		bad = append(bad, setting.Bad("outside", "names no data set: want one that the images are to be told from, "+
			"such as [evaluate.ood.outside.emoji_32]"))
	}
	if p.Images < 1 {
		bad = append(bad, setting.Bad("images", "%d: want 1 or more", p.Images))
	}
	if p.K < 1 {
		bad = append(bad, setting.Bad("k", "%d: want 1 or more", p.K))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *OOD) Needs() Needs { return Needs{Outside: p.Outside.Value, Images: p.Images} }

// Evaluate returns auroc and fpr95 by the name of the other data set.
func (p *OOD) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	err := errors.Join(f.checkFeatures("ood", f.TrainX), f.checkFeatures("ood", f.TestX),
		f.checkFeatures("ood", f.OutsideX))
	if err != nil {
		return nil, err
	}
	own, err := p.scores(ctx, f, f.TestX)
	if err != nil {
		return nil, err
	}
	other, err := p.scores(ctx, f, f.OutsideX)
	if err != nil {
		return nil, err
	}
	auroc, fpr95 := separation(own, other)
	interval := f.bootstrap(len(own), func(rows []int32) float64 { // of the test images; the others stay
		some := make([]float64, len(rows))
		for k, i := range rows {
			some[k] = own[i]
		}
		auroc, _ := separation(some, other)
		return auroc
	})
	settings := map[string]any{"outside": p.Outside.Name, "k": p.K, "images": len(other), "distance": "cosine"}
	name := func(metric string) string {
		if p.Outside.Name == "" {
			return metric
		}
		return metric + " " + p.Outside.Name
	}
	return []Result{
		{Protocol: "ood", Metric: name("auroc"), Value: auroc, Settings: settings, Bootstrap: interval},
		{Protocol: "ood", Metric: name("fpr95"), Value: fpr95, Settings: settings, Lower: true},
	}, nil
}

// scores are the cosines of rows x [M,F] with their k-th nearest training rows, with fewer of those the last.
func (p *OOD) scores(ctx context.Context, f Features, x []float32) ([]float64, error) {
	f.TestX = x
	near, err := nearest(ctx, f, p.K)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(near))
	for i, n := range near {
		out[i] = float64(n[len(n)-1].cos)
	}
	return out, nil
}
