package experiment

import (
	"context"
	"testing"
)

// The mean of a picture is a linear map of its pixels, of which an encoder keeps a part. During the training, and
// without a test set, one half of the training images is measured by the other.
func TestColourOfPictures(t *testing.T) {
	s := attackSetup(t, "evaluate.colour=true", "subset.few_shot.per_class=200", "baselines.pixels=true",
		"baselines.projector=[1, 2]")
	all, err := s.evaluateAll(context.Background(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range all {
		got[e.Representation] = e.Value
		if e.Set != onTest {
			t.Errorf("%s is of the %s set", e.Representation, e.Set)
		}
	}
	if got["pixels"] < 0.97 || got["trained"] < 0.3 || got["trained"] > got["pixels"] || len(got) != 5 {
		t.Errorf("r2 by representation: %v", got)
	}
	u, err := s.encoderSubject("trained", s.Store)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []string{onTest, onValidation} {
		f, set, err := u.coloured(context.Background(), on, s.protocols()[0].Needs())
		n, m := len(f.TrainX)/f.Dim, len(f.TestX)/f.Dim
		if want := map[string]int{onTest: 2000, onValidation: 1000}[on]; err != nil || n != want || m != 1000 ||
			(set == onTest) != (on == onTest) {
			t.Errorf("%s: %d and %d images of the %s set (%v)", on, n, m, set, err)
		}
	}
}
