package experiment

import (
	"context"
	"strings"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/recipes"
)

// A method that learns from few labels sees all images and the labels of [labelled] alone, and every batch begins with
// as many labelled images as the sampler promises. Where nobody hides labels the sampler is refused.
func TestFewLabels(t *testing.T) {
	s := prepare(t, "mean_teacher.toml")
	if s.Seen.Len() != s.Data.Train.Len() {
		t.Errorf("the method sees %d of %d images", s.Seen.Len(), s.Data.Train.Len())
	}
	loader, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	seen := map[int32]bool{}
	for range s.PerEpoch {
		b, err := loader.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		labels := b.Fields[feed.Index(s.Wants, feed.Labels)].I32
		s.hide(labels, b.Rows)
		for i, l := range labels {
			if (l >= 0) != (i < s.leading()) {
				t.Fatalf("image %d of a batch has the label %d, want one for the first %d alone", i, l, s.leading())
			}
			if l >= 0 {
				seen[b.Rows[i]] = true
			}
		}
		b.Release()
	}
	if len(seen) != 100 {
		t.Errorf("an epoch shows the labels of %d images, want those of 100", len(seen))
	}
	if n := prepare(t, "mean_teacher.toml", "train.accumulate=2", "train.parts_apart=true").leading(); n != 0 {
		t.Errorf("parts of a batch begin with %d labelled images for certain, want 0", n)
	}
	r, err := recipes.Load("mean_teacher.toml", []string{"labelled.few_shot.per_class=0",
		"labelled.few_shot.fraction=1.0"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Prepare(r)
	if err == nil || !strings.Contains(err.Error(), "every image that the method sees has a label") {
		t.Errorf("with all labels: %v", err)
	}
}
