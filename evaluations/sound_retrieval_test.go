package evaluations_test

import (
	"context"
	"testing"

	"selfsup/evaluations"
)

// Clips and sounds of the same directions find each other both ways; of turned ones some do.
func TestSoundRetrieval(t *testing.T) {
	p := evaluations.DefaultSoundRetrieval()
	f := evaluations.Features{Heard: &evaluations.Heard{Dim: 2, Clips: []float32{1, 0, 0, 2, -3, 0},
		Sounds: []float32{5, 1, 1, 4, -1, -0.1}}}
	want := func(all ...float64) {
		t.Helper()
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) != 3 || rs[0].Metric != "sound R@1" || rs[1].Metric != "clip R@1" || rs[2].Metric != "chance" {
			t.Fatalf("got %+v", rs)
		}
		for i, r := range rs {
			if r.Value != all[i] {
				t.Errorf("%s is %v, want %v", r.Metric, r.Value, all[i])
			}
		}
	}
	want(1, 1, 1./3)
	f.Heard.Sounds = []float32{1, 4, 5, 1, -1, -0.1} // the first two changed places
	want(1./3, 1./3, 1./3)
	f.Heard.Sounds = f.Heard.Sounds[:4]
	if _, err := p.Evaluate(context.Background(), f); err == nil {
		t.Error("three clips with two sounds are taken")
	}
}
