package experiment

import (
	"context"
	"slices"
	"strings"
	"testing"

	"selfsup/recipes"
)

// No protocol of the catalog moves a number of the Store that it measures, and one that did would be found out.
func TestProtocolsLeaveTheStore(t *testing.T) {
	elsewhere := []string{"zero_shot", "recovery", // of captions and sources
		"detection", "open_vocabulary", "following", "drawing", // of boxes, of predicted views, of captions
		"segmentation", "segmentation_decoder", "segmentation_finetune", "attention_segmentation", "patch_retrieval",
		"state", "returns", "coverage", "told", "guessed", "halves", "similarity", // of worlds, of texts
		"words", "tags", // of texts, of recordings
		"order", "speed", "temporal", "depth", "moving", "motion", "camera", "sound_retrieval", // of clips
		"boosting"} // of rows
	own := map[string][]string{
		"corruptions": {`kinds=["contrast"]`, "l2=[0.1]"}, "ood": {`outside="emoji_32"`, "images=20"},
		"transfer": {`to="emoji_32"`, "l2=[0.1]"}, "lidar": {"images=20", "views=3"},
		"clid": {"images=40", "clusters=4"},
		"pgd":  {"images=20", "linf=[2]", "l2_radius=[0.5]", "steps=2", "l2=[0.1]"}, "alpha_req": {"first=1", "last=6"},
		"copy_detection": {`kinds=["mirror"]`, "images=20"}, "linear_sgd": {"epochs=1", "rates=[0.1]", "augment=true"},
		"mlp": {"epochs=1", "hidden=[8]"}, "finetune": {`length="2 steps"`, "rates=[0.001]"},
	}
	sets := []string{"baselines.untrained=true", "baselines.pixels=false"}
	var names []string
	for name := range recipes.Builtin().Evaluations {
		if slices.Contains(elsewhere, name) {
			continue
		}
		names = append(names, name)
		sets = append(sets, "evaluate."+name+"=true")
		for _, set := range own[name] {
			sets = append(sets, "evaluate."+name+"."+set)
		}
	}
	s := attackSetup(t, sets...)
	before := s.Store.Hash("")
	all, err := s.evaluateAll(context.Background(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	if s.Store.Hash("") != before {
		t.Error("the Store changed")
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(e Evaluation) bool {
			return e.Protocol == name && e.Representation == "trained"
		}) {
			t.Errorf("%s gave nothing", name)
		}
	}
	_, err = s.frozen("trained", s.Store, func() ([]Evaluation, error) {
		for _, n := range s.Store.Names() {
			if strings.HasPrefix(n, s.encoderScope()+"/") {
				s.Store.Get(n).F32[0]++
				break
			}
		}
		return nil, nil
	})
	if err == nil || !strings.Contains(err.Error(), "weights changed during its evaluation") {
		t.Errorf("an evaluation that moves a weight: got %v", err)
	}
}
