package experiment_test

import (
	"io"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// What a series was mixed of is found in the features during the training and at its end, on the rows of a subset too;
// data that do not say are refused.
func TestRecoveryOfSources(t *testing.T) {
	sets := []string{"dataset.modulated.sources=3", "dataset.modulated.segments=8", "dataset.modulated.length=64",
		"dataset.modulated.layers=1", "method.tcl.segments=8", "backbone.mlp.widths=[16,8]", "train.batch=64",
		`train.length="3 epochs"`, `evaluate.recovery.every="1 epoch"`}
	r, err := recipes.Load("tcl.toml", sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		if e.Protocol != "recovery" || e.Set != "test" {
			t.Errorf("%+v: want recovery on the test rows", e)
		}
		got[e.Representation] = e.Value
	}
	// A rotation of three sources and random ReLUs of it tell something of absolute values, and the numbers nothing.
	if len(got) != 3 || !(got["raw"] < 0.3 && got["untrained"] > got["raw"] && got["trained"] < 1) {
		t.Errorf("got %v, want trained, untrained and raw", got)
	}
	r, err = recipes.Load("scarf-satellite.toml", []string{"evaluate.recovery.ridge=0.1"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = experiment.Prepare(r); err == nil || !strings.Contains(err.Error(), "want dataset.modulated") {
		t.Errorf("got %v, want a word of data that say", err)
	}
}
