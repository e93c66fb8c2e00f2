package evaluations

import (
	"context"
	"math"
	"strings"
	"testing"
)

// The caption of a drawn image is looked for among all: ranks of four captions that are known by hand.
func TestDrawing(t *testing.T) {
	j := &Judged{Dim: 2,
		Texts: []float32{1, 0, 0, 3, -1, 0, 0, -2},        // east, north, west, south
		Drawn: []float32{5, 1, 4, 1, -1, 0.1, 1, -0.5},    // the second is east of north, the fourth of south
		Own:   []float32{1, 0.1, 0.1, 1, -1, 0, -0.1, -1}, // all right
	}
	p := &Drawing{Judge: "x", Captions: 4}
	rs, err := p.Evaluate(context.Background(), Features{Judged: j})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"caption R@1": 0.5, "caption R@5": 1, "image R@1": 1, "mean_rank": 1.5,
		"chance R@1": 0.25, "chance R@5": 1, "own R@1": 1}
	if len(rs) != len(want) {
		t.Errorf("%d results, want %d", len(rs), len(want))
	}
	for _, r := range rs {
		if w, ok := want[r.Metric]; !ok || math.Abs(r.Value-w) > 1e-12 {
			t.Errorf("%s is %v, want %v", r.Metric, r.Value, w)
		}
		if r.Accuracy && r.Images != 4 {
			t.Errorf("%s has the interval of %d images, want 4", r.Metric, r.Images)
		}
	}
	for _, bad := range []*Judged{nil, {Dim: 2, Texts: j.Texts, Drawn: j.Drawn[:4], Own: j.Own},
		{Dim: 2, Texts: j.Texts[:2], Drawn: j.Drawn[:2], Own: j.Own[:2]},
		{Dim: 2, Texts: j.Texts, Drawn: append([]float32{float32(math.NaN())}, j.Drawn[1:]...), Own: j.Own}} {
		if _, err := p.Evaluate(context.Background(), Features{Judged: bad}); err == nil {
			t.Errorf("%+v is measured", bad)
		}
	}
	if err := DefaultDrawing().Validate(); err == nil || !strings.Contains(err.Error(), "names no run") {
		t.Errorf("got %v, want that no run judges", err)
	}
}
