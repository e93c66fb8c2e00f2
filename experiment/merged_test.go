package experiment_test

import (
	"io"
	"math"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Several runs are evaluated on the data of the first: each has alone what it had, whatever it was trained on; a run
// beside itself is the run; and two together have numbers of their own. Nothing in the folders changes.
func TestMergedRuns(t *testing.T) {
	one, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	colour, err := train(t, load(t, small, `dataset="emoji_32"`, "seed=2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := train(t, load(t, small, "seed=3"), nil)
	if err != nil {
		t.Fatal(err)
	}
	merge := func(dirs ...string) *experiment.Summary {
		t.Helper()
		sum, err := experiment.EvaluateMerged(dirs, false, nil, recipes.Builtin(),
			experiment.Options{Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	measure := func(sum *experiment.Summary, name string) float64 {
		t.Helper()
		v, ok := sum.Measure(name, "knn top1")
		if !ok {
			t.Fatalf("%s is not measured: %+v", name, sum.Evaluations)
		}
		return v
	}
	before := final(t, one.Run)
	sum := merge(one.Run, two.Run)
	for i, was := range []*experiment.Summary{one, two} {
		name := []string{"run1", "run2"}[i]
		if got, want := measure(sum, name), measure(was, "trained"); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s has %v, alone it had %v", name, got, want)
		}
	}
	if v := measure(sum, "merged"); v < 0.5 {
		t.Errorf("merged: %v", v)
	}
	if table := sum.Table(); !strings.Contains(table, "run2: "+two.Run) || !strings.Contains(table, "merged") {
		t.Errorf("the table:\n%s", table)
	}
	itself := merge(one.Run, one.Run)
	if a, b := measure(itself, "merged"), measure(itself, "run1"); math.Abs(a-b) > 0.005 {
		t.Errorf("a run beside itself has %v, alone %v", a, b)
	}
	if v := measure(merge(one.Run, colour.Run), "run2"); v < 0.2 {
		t.Errorf("an encoder of coloured images has %v on grey ones", v)
	}
	if final(t, one.Run) != before {
		t.Error("the run changed")
	}
	if _, err := experiment.EvaluateMerged([]string{one.Run, two.Run}, false, []string{"seed=2"}, recipes.Builtin(),
		experiment.Options{Messages: io.Discard}); err == nil {
		t.Error("a setting of the training is not refused")
	}

	// CKA: a representation is like itself, whether it is this run's or that of a folder.
	again, err := experiment.Evaluate(one.Run, false, []string{`evaluate.cka.against="` + one.Run + `"`,
		"evaluate.cka.images=300"}, recipes.Builtin(),
		experiment.Options{Messages: io.Discard, Protocols: []string{"cka"}})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := again.Measure("trained", "cka cka"); !ok || math.Abs(v-1) > 1e-6 {
		t.Errorf("CKA of a run with itself is %v (%v), want 1", v, ok)
	}
	against, err := experiment.Evaluate(one.Run, false, []string{"evaluate.cka.images=300"}, recipes.Builtin(),
		experiment.Options{Messages: io.Discard, Protocols: []string{"cka"}})
	if err != nil {
		t.Fatal(err)
	}
	trained, _ := against.Measure("trained", "cka cka")
	untrained, ok := against.Measure("untrained", "cka cka")
	if _, pixels := against.Measure("pixels", "cka cka"); !ok || math.Abs(untrained-1) > 1e-6 || trained > 0.9999 ||
		trained < 0.1 || pixels {
		t.Errorf("CKA with the untrained encoder: trained %v, untrained %v", trained, untrained)
	}
}
