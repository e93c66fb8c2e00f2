package evaluations

import (
	"context"
	"fmt"
	"slices"

	"selfsup/graph/device"
)

// Neighbour is a row among others, and how similar it is.
type Neighbour struct {
	Index  int32
	Cosine float32
}

// Nearest lists the k training rows that are nearest to every test row by cosine, the nearest first, of equals the
// smaller index; all of them where there are fewer. Exact. It needs no labels.
func (f Features) Nearest(ctx context.Context, k int) ([][]Neighbour, error) {
	if err := f.checkFeatures("nearest", f.TrainX); err != nil {
		return nil, err
	}
	if len(f.TestX) == 0 || len(f.TestX)%f.Dim != 0 {
		return nil, fmt.Errorf("evaluate: nearest: %d numbers as test rows of %d; want one row or more", len(f.TestX),
			f.Dim)
	}
	near, err := nearest(ctx, f, k)
	all := make([][]Neighbour, len(near))
	for i, row := range near {
		for _, n := range row {
			all[i] = append(all[i], Neighbour{n.index, n.cos})
		}
	}
	return all, err
}

// Predict is the class that the neighbours of every test row vote for, with the first k.
func (p *KNN) Predict(ctx context.Context, f Features) ([]int32, error) {
	if err := f.check("knn"); err != nil {
		return nil, err
	}
	near, err := nearest(ctx, f, p.K[0])
	if err != nil {
		return nil, err
	}
	out := make([]int32, len(near))
	device.Parallel(tasks(len(near)), func(task int) {
		scores := make([]float64, f.Classes)
		for i := task * knnTask; i < min((task+1)*knnTask, len(near)); i++ {
			p.votes(near[i], f.TrainY, p.K[0], scores)
			out[i] = largestOf(scores)
		}
	})
	return out, nil
}

// Predict is the class that the probe gives every test row.
func (p *Linear) Predict(ctx context.Context, f Features) ([]int32, error) {
	whole, best, err := p.solve(ctx, f, "linear")
	if err != nil {
		return nil, err
	}
	probabilities := whole.probabilities(best.x, f.TestX)
	out := make([]int32, len(f.TestY))
	for i := range out {
		out[i] = largestOf(probabilities[i*f.Classes : (i+1)*f.Classes])
	}
	return out, nil
}

// largestOf is the place of the largest score, of equals the first.
func largestOf(scores []float64) int32 {
	best := 0
	for c, s := range scores {
		if s > scores[best] {
			best = c
		}
	}
	return int32(best)
}

// Confusion counts samples [C,C]: row their class, column the class that they were given.
func Confusion(truth, given []int32, classes int) ([][]int, error) {
	if len(truth) != len(given) {
		return nil, fmt.Errorf("confusion: %d classes given to %d samples", len(given), len(truth))
	}
	counts := make([][]int, classes)
	for c := range counts {
		counts[c] = make([]int, classes)
	}
	for i, c := range truth {
		if slices.ContainsFunc([]int32{c, given[i]}, func(v int32) bool { return v < 0 || int(v) >= classes }) {
			return nil, fmt.Errorf("confusion: sample %d is of class %d and was given %d; want 0 to %d", i, c, given[i],
				classes-1)
		}
		counts[c][given[i]]++
	}
	return counts, nil
}
