package evaluations

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
)

// Tags are told by their own samples, and a label that is at another place for every value of a tag is told as long as
// samples of this value are there, and no longer when they are left out.
func TestTags(t *testing.T) {
	r := datasets.NewRand(1, "tags")
	tags := Tagged{Train: map[string][]string{}, Test: map[string][]string{}}
	f := Features{Dim: 3, Classes: 2, Seed: 1, Tags: &tags}
	for i := range 120 {
		speaker, label := i%3, int32(i/3%2)
		// for the last speaker the labels change places along the first feature
		side := float64(2*label - 1)
		if speaker == 2 {
			side = -side
		}
		row := []float32{float32(side + 0.1*r.Float64()), float32(0.1 * r.Float64()), float32(3 * speaker)}
		name := fmt.Sprintf("s%d", speaker)
		if i < 90 {
			f.TrainX, f.TrainY = append(f.TrainX, row...), append(f.TrainY, label)
			tags.Train["speaker"] = append(tags.Train["speaker"], name)
			if i%5 == 0 {
				f.Held = append(f.Held, int32(i))
			}
		} else {
			f.TestX, f.TestY = append(f.TestX, row...), append(f.TestY, label)
			tags.Test["speaker"] = append(tags.Test["speaker"], name)
		}
	}
	p := DefaultTags()
	p.Tell, p.LeaveOut, p.K = []string{"speaker"}, "speaker", 3
	got, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]Result{}
	for _, r := range got {
		said[r.Metric] = r
	}
	if r := said["speaker linear"]; r.Value != 1 || !r.Accuracy || r.Images != 0 && r.Images != 30 {
		t.Errorf("%+v, want all 30 speakers right", r)
	}
	if r := said["speaker knn"]; r.Value < 0.6 {
		t.Errorf("%+v, want most speakers right", r)
	}
	knn := said["without speaker knn"]
	if s := knn.Settings; s["samples"] != 120 || s["s2"] != 0.0 || s["s0"].(float64) < 0.4 {
		t.Errorf("settings %v: want no label of s2 right, whose samples are the other way round", s)
	}
	mean, squares := 0.0, 0.0
	for _, s := range []string{"s0", "s1", "s2"} {
		mean += knn.Settings[s].(float64) / 3
	}
	for _, s := range []string{"s0", "s1", "s2"} {
		squares += math.Pow(knn.Settings[s].(float64)-mean, 2)
	}
	if math.Abs(knn.Value-mean) > 1e-3 || math.Abs(knn.Deviation-math.Sqrt(squares/2)) > 1e-3 {
		t.Errorf("%v with a deviation of %v, want %v and %v", knn.Value, knn.Deviation, mean, math.Sqrt(squares/2))
	}
	tags.Test["speaker"][0] = "stranger"
	p.LeaveOut = ""
	if got, err = p.Evaluate(context.Background(), f); err != nil || len(got[0].Notes) == 0 ||
		!strings.Contains(strings.Join(got[0].Notes, " "), "no training sample has the speaker stranger") {
		t.Errorf("%v: %+v, want a note of a speaker that the training lacks", err, got)
	}
	if p.Tell = nil; p.Validate() == nil {
		t.Error("no tags: no error")
	}
}
