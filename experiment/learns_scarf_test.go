//go:build learns

package experiment_test

import (
	"io"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// The recipe of SCARF ends above its untrained encoder, by kNN:
//
//	go test -tags learns ./experiment -run Learns -v
func TestSCARFLearns(t *testing.T) {
	for _, c := range []struct {
		recipe string
		margin float64 // of kNN top1; measured: 0.052 to 0.064 over 3 seeds
	}{{"scarf.toml", 0.035}} {
		t.Run(c.recipe, func(t *testing.T) {
			r, err := recipes.Load(c.recipe, nil, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, e := range sum.Evaluations {
				if e.Protocol == "knn" && e.Metric == "top1" {
					got[e.Representation] = e.Value
				}
			}
			t.Logf("kNN top1: trained %.3f, untrained %.3f, raw %.3f, %.0f s", got["trained"], got["untrained"], got["raw"], sum.Seconds)
			if gain := got["trained"] - got["untrained"]; !(gain >= c.margin) {
				t.Errorf("the trained encoder gains %.3f, want at least %.3f", gain, c.margin)
			}
		})
	}
}
