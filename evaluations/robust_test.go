package evaluations

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

// A share of the labels is wrong, none of them by chance right, and those of a smaller share are among those of a
// larger one; the same for a seed.
func TestWrongLabels(t *testing.T) {
	labels := make([]int32, 1000)
	for i := range labels {
		labels[i] = int32(i%5) - 1 // -1 is none
	}
	few, many := WrongLabels(labels, 4, 0.25, 7), WrongLabels(labels, 4, 0.5, 7)
	count := 0
	spread := make([]int, 4)
	for i, y := range labels {
		if few[i] != y {
			count++
			spread[(few[i]-y+4)%4]++
			if many[i] != few[i] {
				t.Fatalf("label %d is %d at a quarter and %d at a half", i, few[i], many[i])
			}
		}
		if y < 0 && many[i] != y || many[i] >= 4 {
			t.Fatalf("label %d was %d and is %d", i, y, many[i])
		}
	}
	if count != 200 || spread[0] > 0 || slices.Min(spread[1:]) < 40 {
		t.Errorf("%d labels are wrong, moved by %v; want 200 of the 800, by 1 to 3 alike", count, spread)
	}
	if !slices.Equal(few, WrongLabels(labels, 4, 0.25, 7)) || slices.Equal(few, WrongLabels(labels, 4, 0.25, 8)) {
		t.Error("want the same labels for a seed, and others for another")
	}
}

// With all labels right but a share, a probe of clear classes stays right; with all wrong it is never right.
func TestLabelNoise(t *testing.T) {
	f := clouds(500, 300, 10, 4, 0.4, 3)
	p := DefaultLabelNoise()
	p.Shares, p.L2 = []float64{0.3, 1}, []float64{0.1}
	rs := results(t, p, f)
	clean := results(t, &Linear{Standardize: true, L2: []float64{0.1}, Iterations: 1000, Tolerance: 1e-6}, f)[0].Value
	if rs[0].Metric != "share_0.3" || rs[0].Value < clean-0.1 || rs[1].Value > 0.1 {
		t.Errorf("top1 %v with a third wrong, %v with all; %v with none", rs[0].Value, rs[1].Value, clean)
	}
}

// The worst group is the one of which fewest are right; a group of two classes has the images of both.
func TestGroups(t *testing.T) {
	f := clouds(500, 300, 10, 4, 0.4, 3)
	f.Names = []string{"ant", "bee", "cat", "dog"}
	for i, y := range f.TestY { // half of the bees are labelled as cats
		if y == 1 && i/4%2 == 0 {
			f.TestY[i] = 2
		}
	}
	p := DefaultGroups()
	p.L2 = []float64{0.1}
	got := map[string]Result{}
	for _, r := range results(t, p, f) {
		got[r.Metric] = r
	}
	counts := make([]int, 4)
	for _, y := range f.TestY {
		counts[y]++
	}
	if got["worst"].Settings["worst"] != "cat" || got["worst"].Value != got["cat"].Value ||
		got["cat"].Images != counts[2] || got["cat"].Value > 0.8 {
		t.Errorf("worst %+v, cat %+v", got["worst"], got["cat"])
	}
	p.Of = []string{"bee, cat", "dog"}
	both := results(t, p, f)
	want := (got["bee"].Value*float64(counts[1]) + got["cat"].Value*float64(counts[2])) / float64(counts[1]+counts[2])
	if both[2].Metric != "bee,_cat" || math.Abs(both[2].Value-want) > 1e-12 || len(both) != 4 {
		t.Errorf("of both classes %+v, want %v", both, want)
	}
	p.Of = []string{"bird"}
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), "want some of ant") {
		t.Errorf("a class that is not there: %v", err)
	}
}
