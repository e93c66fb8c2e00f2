package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// augmented is views of n images whose features are noise and, scaled by known, a linear map of what was drawn.
func augmented(n int, known float64) Features {
	r := rand.New(rand.NewPCG(4, 4))
	d := &Drawn{Columns: []string{"crop_top", "crop_left", "crop_height", "crop_width", "flip", "vertical_flip",
		"brightness", "contrast", "saturation", "hue", "quarter_turns", "blur"},
		Range: []float64{1, 1, 1, 1, 0, 0, 0.8, 0.8, 0, 0, 3, 0}}
	f := Features{Dim: 10, Drawn: d}
	for range n {
		image := r.NormFloat64()
		for _, to := range []struct{ x, drawn *[]float32 }{{&f.ViewA, &d.A}, {&f.ViewB, &d.B}} {
			top, left, h, w := r.Float64()/2, r.Float64()/2, r.Float64()/2, r.Float64()/2
			bright, contrast, turn := 0.6+r.Float64()*0.8, 0.6+r.Float64()*0.8, float64(r.IntN(4))
			for _, v := range []float64{top, left, h, w, 0, 0, bright, contrast, 1, 0, turn, 0} {
				*to.drawn = append(*to.drawn, float32(v))
			}
			for k, v := range []float64{image, bright, bright + contrast, top + h/2, left + w/2, h, w} {
				if k == 0 {
					v += 0.1 * r.NormFloat64()
				}
				*to.x = append(*to.x, float32(known*v+(1-known)*r.NormFloat64()))
			}
			for range 3 {
				*to.x = append(*to.x, float32(r.NormFloat64()))
			}
		}
	}
	return f
}

// Features that hold what was drawn explain it, noise explains nothing, and what no linear map of the features holds,
// here the quarter turns, is not found. What does not vary has no number.
func TestAugmentation(t *testing.T) {
	p := DefaultAugmentation()
	p.Ridge = 1e-4
	measured := func(known float64) map[string]float64 {
		rs, err := p.Evaluate(context.Background(), augmented(600, known))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, r := range rs {
			got[r.Metric] = r.Value
		}
		return got
	}
	all, none := measured(1), measured(0)
	if len(all) != 4 || !(all["crop"] > 0.99 && all["color"] > 0.99 && all["turn"] < 0.05) ||
		math.Abs(all["r2"]-(all["crop"]+all["color"]+all["turn"])/3) > 1e-12 {
		t.Errorf("features that hold crop and colour: %v, want 1 of these, nothing of turns, and the mean", all)
	}
	for kind, v := range none {
		if v > 0.05 {
			t.Errorf("noise explains %v of %s", v, kind)
		}
	}
}

// Views that are mirrored have the centres of their crops mirrored, and quarter turns are compared in a circle.
func TestDifferences(t *testing.T) {
	d := &Drawn{Columns: []string{"crop_top", "crop_left", "crop_height", "crop_width", "flip", "quarter_turns"},
		Range: []float64{1, 1, 1, 1, 1, 3}, A: []float32{0.25, 0, 0.5, 0.5, 1, 3}, B: []float32{0, 0, 1, 0.5, 0, 0}}
	for kind, want := range map[string][]float64{"crop": {0, 0.5, -0.5, 0}, "turn": {-1, 0}, "flip": {1}} {
		for _, k := range drawnKinds {
			if k.name != kind {
				continue
			}
			got := d.differences(kind, k.columns, 0)
			for i := range want {
				if len(got) != len(want) || math.Abs(got[i]-want[i]) > 1e-6 {
					t.Errorf("%s: got %v, want %v", kind, got, want)
					break
				}
			}
		}
	}
}

// Exact predictions have rank 1, those of nothing the mean rank of guessing, and of equal views half stand before.
func TestFollowing(t *testing.T) {
	const n, group, dim = 200, 8, 5
	r := rand.New(rand.NewPCG(9, 1))
	noise := func() []float32 {
		x := make([]float32, n*group*dim)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	views := noise()
	for _, c := range []struct {
		what                   string
		guess, views           []float32
		mrr, hit1, hit5, mean  float64
		within, withinMeanRank float64
	}{
		{"exact", views, views, 1, 1, 1, 1, 0, 0},
		{"guessed", noise(), views, 0.3397, 1. / 8, 5. / 8, 4.5, 0.03, 0.2},
		{"all views alike", views, make([]float32, len(views)), 1 / 4.5, 0, 1, 4.5, 1e-12, 1e-12},
	} {
		rs, err := DefaultFollowing().Evaluate(context.Background(), Features{Predicted: &Predicted{Guess: c.guess,
			True: c.views, Group: group, Dim: dim}})
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{c.mrr, c.hit1, c.hit5, c.mean}
		for k, r := range rs {
			within := c.within
			if r.Lower {
				within = c.withinMeanRank
			}
			if !(math.Abs(r.Value-want[k]) <= within) || r.Lower != (r.Metric == "mean_rank") {
				t.Errorf("%s: %s is %v, want %v", c.what, r.Metric, r.Value, want[k])
			}
		}
	}
}

func TestAugmentationErrors(t *testing.T) {
	still := augmented(20, 1)
	still.Drawn.Range = make([]float64, len(still.Drawn.Columns))
	lost := augmented(20, 1)
	lost.Drawn = nil
	for want, f := range map[string]Features{"nothing that was drawn for the views varies": still,
		"want at least 8 images in two views": lost} {
		if _, err := DefaultAugmentation().Evaluate(context.Background(), f); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	nan := &Predicted{Guess: []float32{1, float32(math.NaN())}, True: []float32{1, 2}, Group: 2, Dim: 1}
	for want, p := range map[string]*Predicted{"number 1 of the embeddings is NaN": nan,
		"want embeddings of two": nil} {
		if _, err := DefaultFollowing().Evaluate(context.Background(), Features{Predicted: p}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
