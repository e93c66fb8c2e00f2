package experiment_test

import (
	"io"
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// unlabelled is the images of a set without their labels.
type unlabelled struct{ given }

func (u *unlabelled) Open(env datasets.Env) (*datasets.Data, error) {
	d, err := u.given.Open(env)
	if err == nil {
		d.Train = bareSet{d.Train.(datasets.Set)}
		d.Test = nil
	}
	return d, err
}

type bareSet struct{ datasets.Set }

func (bareSet) Classes() []string { return nil }
func (bareSet) Label(int) int     { return -1 }

// A training on images without labels is measured by the labels of another set: its own training images are learnt
// from, and its own test images are measured, three of whose eight labels contradict. During the training a split of
// its training images is measured on, which chooses the best checkpoint; eval may name another set.
func TestEvaluateOnStandsForMissingLabels(t *testing.T) {
	labelled := given{
		train: pictures("train", 0, repeat(20, patternP, patternR), repeat(20, 0, 1)),
		test: pictures("test", 100,
			[]int{patternP, patternR, patternP, patternP, patternR, patternR, patternR, patternP},
			[]int{1, 1, 0, 1, 1, 1, 0, 0}),
	}
	c := recipes.Builtin()
	c.Datasets["unlabelled"] = func() datasets.Source { return &unlabelled{labelled} }
	c.Datasets["labelled"] = func() datasets.Source { return &labelled }
	c.Datasets["other"] = func() datasets.Source {
		return &given{labelled.train, pictures("test", 100, []int{patternP, patternR}, []int{0, 1})}
	}
	sets := append([]string{`dataset="unlabelled"`, "evaluate_on.labelled=true"}, plain...)
	sets = append(sets, `evaluate.knn.every="2 epochs"`)
	r, err := recipes.Load("quickstart.toml", sets, c)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, representation := range []string{"trained", "untrained", "pixels"} {
		if v, ok := sum.Measure(representation, "knn top1"); !ok || v != 5.0/8 {
			t.Errorf("kNN of %s is %v (%v), want 5 of 8", representation, v, ok)
		}
	}
	if sum.TestImages != 8 || sum.LabelsOf != "labelled" || sum.Best == nil ||
		sum.Best.Evaluation != "validation knn k=1 top1" || sum.Best.Value != 1 {
		t.Errorf("summary %+v, best %+v", sum, sum.Best)
	}
	if table := sum.Table(); !strings.Contains(table, "labels: of [evaluate_on.labelled]") {
		t.Errorf("the table does not say whose labels these are:\n%s", table)
	}
	again, err := experiment.Evaluate(sum.Run, false, []string{"evaluate_on.labelled=false", "evaluate_on.other=true"},
		c, experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := again.Measure("trained", "knn top1"); !ok || v != 1 {
		t.Errorf("kNN on another set is %v (%v), want 1", v, ok)
	}
	// Without the table the remedy is named.
	r, err = recipes.Load("quickstart.toml", append([]string{`dataset="unlabelled"`}, plain...), c)
	if err == nil {
		_, err = experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	}
	if err == nil || !strings.Contains(err.Error(), "[evaluate_on.") {
		t.Errorf("labels that are missing are refused with %v, want [evaluate_on.] named", err)
	}
}

// Beside labels of its own a run is measured on each set, under the set's name, with an interval of its test images;
// what is measured on the run's own test set stays as it was.
func TestEvaluateOnBesideOwnLabels(t *testing.T) {
	own, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := train(t, load(t, small, "evaluate_on.emoji_32=true", "evaluate.rankme=true",
		"evaluate.corruptions=true", `evaluate.corruptions.kinds=["contrast"]`, "evaluate.corruptions.l2=[0.1]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	for _, e := range sum.Evaluations {
		seen[e.Representation+" "+e.Label()] = e.Value
		if e.On == "" {
			continue
		}
		if e.On != "emoji_32" || e.Protocol == "rankme" || e.Hits != nil {
			t.Errorf("%s of %q", e.Label(), e.On)
		}
		if e.Accuracy && (e.Interval == nil || e.Images < 100 || e.Images > 400 || e.Value < 0.11) {
			t.Errorf("%s %s is %v of %d images with interval %v", e.Representation, e.Label(), e.Value, e.Images,
				e.Interval)
		}
	}
	for _, representation := range []string{"trained", "untrained", "pixels"} {
		if _, ok := seen[representation+" knn k=20 top1 on emoji_32"]; !ok {
			t.Errorf("%s is not measured on emoji_32: %v", representation, seen)
		}
		want, _ := own.Measure(representation, "knn top1")
		if got, _ := sum.Measure(representation, "knn top1"); got != want {
			t.Errorf("%s: kNN on the run's own test set is %v, want %v", representation, got, want)
		}
	}
	if v := seen["untrained corruptions mCE on emoji_32"]; math.Abs(v-1) > 1e-12 {
		t.Errorf("mCE of the untrained encoder on emoji_32 is %v, want 1", v)
	}
}
