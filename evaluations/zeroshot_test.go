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
		"dog two": {-1, 5}, "the cat": {1, -1}, "the dog": {1, 1},
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
		{&evaluations.ZeroShot{Classes: "names", Templates: []string{"a {}"}}, []float64{0.75, (1 + 2./3) / 2, 1, 1}},
		// An ensemble: cats half way between 0 and -45 degrees, dogs between 90 and 45, where image 1 is (1,0.8).
		{&evaluations.ZeroShot{Classes: "names", Templates: []string{"a {}", "the {}"}}, []float64{1, 1, 1, 1}},
		{&evaluations.ZeroShot{Classes: "captions", Templates: []string{"{}"}}, []float64{1, 1, 1, 1}},
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
	// A caption that is second is found among five; there are six.
	six := &evaluations.Pairs{Classes: []string{"a cat", "a dog"}, Dim: 2, Texts: func(_ context.Context,
		texts []string) ([]float32, error) {
		x := []float32{1, 0, 0, 1, -1, 0, 0, -1, 3, 4, 4, 3}
		return x[:2*len(texts)], nil
	}, Images: []float32{1, 0, 0, 1, -1, 0, 0, -1, 4, 3, 3, 4}, Captions: []string{"0", "1", "2", "3", "4", "5"}}
	rs, err := evaluations.DefaultZeroShot().Evaluate(context.Background(), evaluations.Features{Pairs: six,
		TestY: make([]int32, 6)})
	want := map[string]float64{"caption R@1": 4. / 6, "caption R@5": 1, "image R@1": 4. / 6, "image R@5": 1}
	for _, r := range rs {
		if v, ok := want[r.Metric]; ok && v != r.Value {
			t.Errorf("six pairs: %s %v, want %v", r.Metric, r.Value, v)
		}
		delete(want, r.Metric)
	}
	if err != nil || len(want) > 0 {
		t.Errorf("six pairs: %v, without %v", err, want)
	}
	// One and the same place for every text and image tells nothing: R@1 is that of guessing, not 1.
	for text := range place {
		place[text] = []float32{1, 1}
	}
	rs, err = evaluations.DefaultZeroShot().Evaluate(context.Background(), evaluations.Features{TestY: f.TestY,
		Pairs: &evaluations.Pairs{
			Images: []float32{1, 1, 1, 1, 1, 1, 1, 1}, Captions: pairs.Captions, Classes: []string{"a cat", "a dog"},
			Dim: 2, Texts: pairs.Texts}})
	if err != nil || rs[2].Value != 0.25 || rs[3].Value != 0.25 {
		t.Errorf("got %+v (%v), want a quarter of the captions", rs, err)
	}
	f.Pairs.Images[0] = float32(math.NaN())
	if _, err := (&evaluations.ZeroShot{Classes: "names", Templates: []string{"a {}"}}).Evaluate(context.Background(),
		f); err == nil || !strings.Contains(err.Error(), "no number") {
		t.Errorf("NaN: got %v", err)
	}
	bad := evaluations.ZeroShot{Classes: "tags", Templates: []string{"a picture"}}
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "tags") || !strings.Contains(err.Error(),
		"a picture") {
		t.Errorf("got %v, want both faults", err)
	}
}
