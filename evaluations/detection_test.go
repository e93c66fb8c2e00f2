package evaluations

import (
	"context"
	"testing"

	"selfsup/datasets"
)

// Boxes of any class are found where a detector has one class for all objects; the truth that was given keeps its own.
func TestOneClass(t *testing.T) {
	truth := [][]datasets.ClassBox{{box(1, 0, 0, 0.4, 0.4)}, {box(2, 0.5, 0.5, 0.9, 0.9)}}
	f := Features{Detect: func(context.Context) (*Detected, error) {
		return &Detected{Truth: truth, Classes: []string{"a", "b", "c"}, Found: [][]Found{
			{{box(0, 0, 0, 0.4, 0.4), 0.9}}, {{box(0, 0.5, 0.5, 0.9, 0.9), 0.8}}}}, nil
	}}
	for oneClass, want := range map[bool]float64{true: 1, false: 0} {
		p := DefaultDetection()
		p.OneClass = oneClass
		if p.Needs().Boxes.Agnostic != oneClass {
			t.Errorf("one_class = %v: the detector has one class: %v", oneClass, !oneClass)
		}
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil || rs[0].Metric != "ap" || rs[0].Value != want {
			t.Errorf("one_class = %v: %+v (%v), want an ap of %v", oneClass, rs, err, want)
		}
	}
	if truth[0][0].Class != 1 || truth[1][0].Class != 2 {
		t.Errorf("the truth is %v now", truth)
	}
}
