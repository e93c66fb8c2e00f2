package experiment

import (
	"slices"
	"testing"

	"selfsup/datasets"
)

// labels is a set of images that are only labels.
func labels(classes int, y ...int) datasets.Labelled {
	m := &datasets.Memory{Labels: y, Images: make([]datasets.Image, len(y)), Class: make([]string, classes)}
	return m
}

// The split is a share of each class, at least one image of two or more and never all of them; a smaller share is part
// of a larger one.
func TestSplit(t *testing.T) {
	var y []int
	for i := range 103 {
		y = append(y, []int{0, 0, 0, 0, 0, 1, 1, 1, -1, 2}[i%10]) // 53 of class 0, 30 of 1, 10 of 2, 10 without
	}
	y = append(y, 3, 4, 4) // one image of class 3, two of 4, none of 5
	set := labels(6, y...)
	count := func(held []int32) (n [7]int) {
		for _, i := range held {
			n[y[i]+1]++
		}
		return n
	}
	for _, c := range []struct {
		share float64
		want  [7]int // without a label, of class 0, 1 ...
	}{
		{0, [7]int{}},
		{1e-9, [7]int{0, 1, 1, 1, 0, 1, 0}},
		{0.2, [7]int{0, 11, 6, 2, 0, 1, 0}},
		{0.999, [7]int{0, 52, 29, 9, 0, 1, 0}},
	} {
		held := split(set, c.share, 1)
		if got := count(held); got != c.want {
			t.Errorf("share %v: by class %v, want %v", c.share, got, c.want)
		}
		if !slices.IsSorted(held) || len(slices.Compact(slices.Clone(held))) != len(held) {
			t.Errorf("share %v: %v, want rising rows", c.share, held)
		}
	}
	small, large := split(set, 0.2, 1), split(set, 0.5, 1)
	for _, i := range small {
		if !slices.Contains(large, i) {
			t.Errorf("row %d is in a fifth and not in a half", i)
		}
	}
	if other := split(set, 0.2, 2); slices.Equal(other, small) {
		t.Error("seeds 1 and 2 hold the same images out")
	}
	if again := split(set, 0.2, 1); !slices.Equal(again, small) {
		t.Error("the same seed holds other images out")
	}
}
