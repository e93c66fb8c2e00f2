package evaluations_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"selfsup/evaluations"
)

// Four images in the plane, and texts that a table places: values by hand.
func TestZeroShot(t *testing.T) {
	place := map[string][]float32{
		"a cat": {2, 0}, "a dog": {0, 3}, "cat one": {1, 0.1}, "cat two": {1, 0.9}, "dog one": {0.1, 1},
		"dog two": {-1, 5},
	}
	pairs := &evaluations.Pairs{
		Images: []float32{5, 1, 1, 0.8, 0, 2, -0.1, 0.3}, Captions: []string{"cat one", "cat two", "dog one",
			"dog two"},
		Classes: []string{"cat", "dog"}, Known: [][]string{{"cat one"}, {"dog one", "cat two"}}, Dim: 2,
		Texts: func(_ context.Context, texts []string) (x []float32, err error) {
			for _, text := range texts {
				if place[text] == nil {
					t.Errorf("asked for %q", text)
				}
				x = append(x, place[text]...)
			}
			return x, nil
		},
	}
	f := evaluations.Features{TestY: []int32{0, 1, 1, 1}, Classes: 2, Dim: 1, Pairs: pairs}
	// Image 1 leans to cat by name; it is nearer to the mean of "dog one" and "cat two" than to "cat one". Image 2
	// (0,2) is nearest to "dog one" and image 3 (-0.1,0.3) to "dog two".
	for _, c := range []struct {
		p    *evaluations.ZeroShot
		want []float64
	}{
		{&evaluations.ZeroShot{Classes: "names", Template: "a {}"}, []float64{0.75, (1 + 2./3) / 2, 1, 1}},
		{&evaluations.ZeroShot{Classes: "captions", Template: "{}"}, []float64{1, 1, 1, 1}},
	} {
		rs, err := c.p.Evaluate(context.Background(), f)
		if err != nil || len(rs) != 4 {
			t.Fatal(rs, err)
		}
		for i, metric := range []string{"top1", "balanced", "caption R@1", "image R@1"} {
			if rs[i].Metric != metric || math.Abs(rs[i].Value-c.want[i]) > 1e-12 ||
				(len(rs[i].Hits) != 4) != (metric == "balanced") {
				t.Errorf("%s: result %d is %+v, want %s of %v", c.p.Classes, i, rs[i], metric, c.want[i])
			}
		}
	}
	// One and the same place for every text and image tells nothing: R@1 is that of guessing, not 1.
	for text := range place {
		place[text] = []float32{1, 1}
	}
	rs, err := evaluations.DefaultZeroShot().Evaluate(context.Background(), evaluations.Features{TestY: f.TestY,
		Pairs: &evaluations.Pairs{
			Images: []float32{1, 1, 1, 1, 1, 1, 1, 1}, Captions: pairs.Captions, Classes: []string{"a cat", "a dog"},
			Dim: 2, Texts: pairs.Texts}})
	if err != nil || rs[2].Value != 0.25 || rs[3].Value != 0.25 {
		t.Errorf("got %+v (%v), want a quarter of the captions", rs, err)
	}
	f.Pairs.Images[0] = float32(math.NaN())
	if _, err := (&evaluations.ZeroShot{Classes: "names", Template: "a {}"}).Evaluate(context.Background(),
		f); err == nil || !strings.Contains(err.Error(), "no number") {
		t.Errorf("NaN: got %v", err)
	}
	bad := evaluations.ZeroShot{Classes: "tags", Template: "a picture"}
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "tags") || !strings.Contains(err.Error(),
		"a picture") {
		t.Errorf("got %v, want both faults", err)
	}
}
