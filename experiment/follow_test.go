package experiment_test

import (
	"strings"
	"testing"

	"selfsup/experiment"
)

// A run measures what its features hold of augmentations, each part by itself, and whether its predictions find their
// views: those of a trained network better than guessing.
func TestFollowing(t *testing.T) {
	sum, err := train(t, load(t, small, `method="sie"`, "method.sie.projector=[32,16]", `train.length="4 epochs"`,
		"baselines.parts=true", "evaluate.augmentation.images=400", "evaluate.following.images=64",
		"evaluate.following.views=8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Protocol+" "+e.Metric] = e.Value
	}
	for _, name := range []string{"trained augmentation crop", "invariant augmentation crop",
		"equivariant augmentation color", "equivariant knn top1", "untrained following mrr"} {
		if _, ok := got[name]; !ok {
			t.Errorf("the run has no %s, it has %v", name, got)
		}
	}
	if rank := got["trained following mean_rank"]; !(rank < 4.3) { // guessing: 4.5
		t.Errorf("the mean rank among 8 views is %v, want less than guessing has", rank)
	}
	if _, ok := got["invariant following mrr"]; ok {
		t.Error("a part of the features predicts")
	}
}

// Views of which some have other settings, and one is a method's own, are evaluated by the first view's.
func TestViewsOfSeveralSettingsAreEvaluated(t *testing.T) {
	sum, err := train(t, load(t, small, `method="equimod"`, "method.equimod.projector=[32,16]",
		"views.flip=[0.5,0.5,0.0]",
		"views.crops=[{count=2,size=28,area=[0.3,1.0]},{count=1,size=28,area=[1.0,1.0]}]",
		"evaluate.augmentation.images=400", "evaluate.following.images=64", "evaluate.align_uniform.images=64"), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range sum.Evaluations {
		seen[e.Protocol+" "+e.Metric] = true
	}
	for _, want := range []string{"augmentation crop", "augmentation flip", "following mrr",
		"align_uniform alignment"} {
		if !seen[want] {
			t.Errorf("the run has no %s, it has %v", want, seen)
		}
	}
}

func TestFollowingIsRefused(t *testing.T) {
	for want, sets := range map[string][]string{
		"and [method.simclr] predicts none; want sie": {"evaluate.following.views=8"},
		"so that nothing is predicted; want what is done to views": {`method="lie_group"`,
			"evaluate.following.views=8"},
		"the features of [method.simclr] have no parts": {"baselines.parts=true"},
		"[views] never do anything": {"evaluate.augmentation.images=400", "views.crop_area=[1.0,1.0]", "views.flip=0.0",
			"views.jitter=0.0"},
	} {
		if _, err := experiment.Prepare(load(t, small, sets...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", sets, err, want)
		}
	}
}
