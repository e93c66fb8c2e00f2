package captioned

import (
	"selfsup/datasets"
	"selfsup/datasets/sampling"
)

// wrong gives some training samples the captions of others, as the web does.
type wrong struct {
	training datasets.Labelled // the whole set; nil: no caption is wrong
	of       []int32           // whose captions a sample has, by its place in the whole set
}

// newWrong exchanges the captions of a share of the samples, the same ones whatever the run's seed.
func newWrong(set datasets.Labelled, share float64) wrong {
	if share == 0 {
		return wrong{}
	}
	n := set.Len()
	w := wrong{training: set, of: make([]int32, n)}
	for i := range w.of {
		w.of[i] = int32(i)
	}
	r := datasets.NewRand(0, "captions/wrong")
	order := r.Order(make([]int, n))
	// Each of them gets the captions of the next.
	some := order[:int(share*float64(n)+0.5)]
	if len(some) < 2 {
		return w
	}
	for k, i := range some {
		w.of[i] = int32(some[(k+1)%len(some)])
	}
	return w
}

// owner is whose captions sample i of a whole set has.
func (w wrong) owner(whole datasets.Labelled, i int) int {
	if w.training != nil && whole == w.training {
		return int(w.of[i])
	}
	return i
}

// IsWrong reports whether the captions of sample i of a set are another sample's.
func (w wrong) IsWrong(set datasets.Labelled, i int) bool {
	whole, place := sampling.Whole(set)
	if place != nil {
		i = int(place[i])
	}
	return w.owner(whole, i) != i
}
