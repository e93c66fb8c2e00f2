package experiment_test

import (
	"io"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// Copies are found among the test images; of data without labels or a test set among the images of the training, and
// the numbers say so. Pixels find what JPEG left, and hardly a mirrored image.
func TestCopyDetection(t *testing.T) {
	sets := []string{"evaluate.copy_detection=true", `evaluate.copy_detection.kinds=["jpeg", "mirror"]`,
		"evaluate.copy_detection.images=100", `evaluate.copy_detection.every="10 steps"`, "evaluate.knn=false"}
	sum, err := train(t, load(t, small, sets...), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]experiment.Evaluation{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Metric] = e
		if e.Set != "test" || strings.HasSuffix(e.Metric, "mAP") != (e.Interval != nil) || e.Settings["images"] != 100 {
			t.Errorf("%s of %s: %+v", e.Label(), e.Representation, e)
		}
	}
	if v := got["pixels jpeg mAP"].Value; v < 0.95 {
		t.Errorf("pixels find JPEG copies with mAP %v", v)
	}
	if sharp, turned := got["pixels jpeg mAP"].Value, got["pixels mirror mAP"].Value; turned > sharp {
		t.Errorf("pixels find mirrored images with mAP %v, JPEG copies with %v", turned, sharp)
	}
	for _, name := range []string{"trained", "untrained", "pixels"} {
		if _, ok := got[name+" micro_ap"]; !ok {
			t.Errorf("%s has no micro_ap: %v", name, got)
		}
	}
	if sum.Best == nil || sum.Best.Evaluation != "validation copy_detection mAP" {
		t.Errorf("best %+v", sum.Best)
	}
	c := recipes.Builtin()
	c.Datasets["bare"] = func() datasets.Source { return &bare{} }
	r, err := recipes.Load(writeRecipe(t, small), append([]string{`dataset="bare"`}, sets...), c)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err = experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard}); err != nil {
		t.Fatal(err)
	}
	for _, e := range sum.Evaluations {
		if e.Set != "training" {
			t.Errorf("without labels %s is of the %s set", e.Label(), e.Set)
		}
	}
}
