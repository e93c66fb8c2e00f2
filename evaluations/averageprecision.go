package evaluations

import (
	"cmp"
	"math"
	"slices"

	"selfsup/datasets"
)

// Found is a box that a detector has found.
type Found struct {
	datasets.ClassBox
	Score float64
}

// mostFound is how many boxes of a class count in an image: those of the highest scores.
const mostFound = 100

// overlaps are COCO's thresholds of the intersection over union, .5:.05:.95.
func overlaps() (all []float64) {
	for i := range 10 {
		all = append(all, 0.5+0.05*float64(i))
	}
	return all
}

// averagePrecision is the average precision of every class at every threshold of the intersection over union, [T][C],
// by COCO's definition: found and truth are the boxes of every image. NaN of a class without any box.
//
// pycocotools' COCOeval with areas of any size and without crowds: in an image boxes of the highest score choose first,
// among the boxes of their class that nobody has chosen yet, the one of the largest intersection over union, if that is
// at least the threshold (of equal ones the last). All boxes of the set, in the order of their scores, then give a
// precision at every recall; it is made to fall, and averaged over the recalls 0, .01 ... 1. Boxes of equal scores stay
// in the order of their images.
func averagePrecision(found [][]Found, truth [][]datasets.ClassBox, classes int, thresholds []float64) [][]float64 {
	ap := make([][]float64, len(thresholds))
	for t, threshold := range thresholds {
		ap[t] = make([]float64, classes)
		for c := range classes {
			ap[t][c] = precisionOf(found, truth, c, threshold)
		}
	}
	return ap
}

// precisionOf is the average precision of a class.
func precisionOf(found [][]Found, truth [][]datasets.ClassBox, class int, threshold float64) float64 {
	type hit struct {
		score float64
		right bool
	}
	var all []hit
	boxes := 0
	for i := range truth {
		var of []datasets.Box
		for _, b := range truth[i] {
			if b.Class == class {
				of = append(of, b.Box)
			}
		}
		boxes += len(of)
		var own []Found
		for _, f := range found[i] {
			if f.Class == class {
				own = append(own, f)
			}
		}
		slices.SortStableFunc(own, func(a, b Found) int { return cmp.Compare(b.Score, a.Score) })
		taken := make([]bool, len(of))
		for _, f := range own[:min(len(own), mostFound)] {
			best, most := -1, min(threshold, 1-1e-10)
			for k, b := range of {
				if overlap := f.IoU(b); !taken[k] && overlap >= most {
					best, most = k, overlap
				}
			}
			if best >= 0 {
				taken[best] = true
			}
			all = append(all, hit{f.Score, best >= 0})
		}
	}
	if boxes == 0 {
		return math.NaN()
	}
	slices.SortStableFunc(all, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	recall, precision := make([]float64, len(all)), make([]float64, len(all))
	right := 0
	for i, h := range all {
		if h.right {
			right++
		}
		recall[i], precision[i] = float64(right)/float64(boxes), float64(right)/float64(i+1)
	}
	for i := len(all) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	var sum float64
	const recalls = 101
	for k := range recalls {
		at, _ := slices.BinarySearch(recall, float64(k)*0.01)
		if at < len(all) {
			sum += precision[at]
		}
	}
	return sum / recalls
}

// meanOver is the mean of the numbers that are there; NaN where none is.
func meanOver(x []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range x {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}
