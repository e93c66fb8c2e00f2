package evaluations

import (
	"context"
	"errors"
	"slices"

	"selfsup/setting"
)

// PatchRetrieval looks for the training places that are nearest, by the cosine of their frozen features, to places of
// test images: "precision" is the share of the K nearest that have the place's class, "top1" the share of places whose
// class most of the K have, both averaged over the classes, so that the background does not count for more. The class
// of a place is that of most pixels there; places without a majority, and of no class, are left out.
//
// Balazevic et al. 2023, arXiv:2306.01667, retrieve so for dense tasks, with a softmax over the neighbours' labels.
type PatchRetrieval struct {
	AtEnd
	K      int `toml:"k"`      // neighbours
	Places int `toml:"places"` // of each image, drawn by the seed
}

// DefaultPatchRetrieval looks at ten neighbours.
func DefaultPatchRetrieval() *PatchRetrieval { return &PatchRetrieval{K: 10, Places: 8} }

// Validate checks the settings.
func (p *PatchRetrieval) Validate() error {
	return errors.Join(setting.Least("k", p.K, 1), setting.Least("places", p.Places, 1))
}

// Needs implements Protocol.
func (p *PatchRetrieval) Needs() Needs { return Needs{Places: p.Places} }

// Evaluate returns precision and top1.
func (p *PatchRetrieval) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("patch_retrieval"); err != nil {
		return nil, err
	}
	near, err := nearest(ctx, f, p.K)
	if err != nil {
		return nil, err
	}
	k := len(near[0])
	count, right, voted := make([]float64, f.Classes), make([]float64, f.Classes), make([]float64, f.Classes)
	for i, y := range f.TestY {
		votes := make([]int, f.Classes)
		for _, n := range near[i] {
			votes[f.TrainY[n.index]]++
		}
		count[y], right[y] = count[y]+1, right[y]+float64(votes[y])/float64(k)
		if slices.Index(votes, slices.Max(votes)) == int(y) { // of equal ones the first class
			voted[y]++
		}
	}
	var precision, top, there float64
	for c, n := range count {
		if n > 0 {
			precision, top, there = precision+right[c]/n, top+voted[c]/n, there+1
		}
	}
	settings := map[string]any{"places": p.Places, "training_places": len(f.TrainY), "test_places": len(f.TestY)}
	one := func(metric string, v float64) Result {
		return Result{Protocol: "patch_retrieval", Metric: metric, Value: v, K: k, Settings: settings}
	}
	return []Result{one("precision", precision/there), one("top1", top/there)}, nil
}
