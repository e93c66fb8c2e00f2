package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"selfsup/setting"
)

// Retrieval looks for the training images of a test image's class among all training images, ordered by the cosine of
// their features with the test image's.
//
//	mAP        mean over test images of sum_n (R_n - R_n-1) P_n, with precision P_n and recall R_n of the first n
//	recall@k   share of test images that have one of their class among the first k
//
// Average precision as scikit-learn's average_precision_score has it: equally near images come together. Recall as in
// Oh Song et al. 2016, arXiv:1511.06452. Test images without any of their class in the training set count nowhere.
type Retrieval struct {
	Schedule
	K []int `toml:"k"` // first training images, of the recall
}

// DefaultRetrieval has the usual recalls.
func DefaultRetrieval() *Retrieval { return &Retrieval{K: []int{1, 5, 10}} }

// Validate checks the settings.
func (p *Retrieval) Validate() error {
	var bad []error
	for i, k := range p.K {
		if k < 1 || slices.Contains(p.K[:i], k) {
			bad = append(bad, setting.Bad("k", "%v: want numbers of 1 or more, each once", p.K))
			break
		}
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Retrieval) Needs() Needs { return Needs{Labels: true} }

// Evaluate returns the mean average precision, and the recall of every k.
func (p *Retrieval) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("retrieval"); err != nil {
		return nil, err
	}
	found, err := f.retrieve(ctx)
	if err != nil {
		return nil, err
	}
	var mean, queries float64
	for _, r := range found {
		if r.relevant > 0 {
			mean, queries = mean+r.precision, queries+1
		}
	}
	if queries == 0 {
		return nil, errors.New("evaluate: retrieval: no test image has a class that is in the training set")
	}
	var notes []string
	if left := len(found) - int(queries); left > 0 {
		notes = []string{fmt.Sprintf("%d of %d test images have no training image of their class, and are left out",
			left, len(found))}
	}
	settings := map[string]any{"among": len(f.TrainY), "distance": "cosine"}
	var precisions []float64
	for _, r := range found {
		if r.relevant > 0 {
			precisions = append(precisions, r.precision)
		}
	}
	out := []Result{{Protocol: "retrieval", Metric: "mAP", Value: mean / queries, Settings: settings, Notes: notes,
		Bootstrap: f.bootstrap(len(precisions), meanOf(precisions))}}
	for _, k := range p.K {
		one := Result{Protocol: "retrieval", Metric: "recall", K: k, Settings: settings, Notes: notes, Accuracy: true,
			Images: int(queries)}
		for _, r := range found {
			if r.relevant > 0 && r.first < k {
				one.Value++
			}
		}
		one.Value /= queries
		out = append(out, one)
	}
	return out, nil
}

// retrieved is what a test image found.
type retrieved struct {
	relevant  int     // training images of its class
	precision float64 // average
	first     int     // place of the first of them, from 0; of equally near images the smaller index comes first
}

// retrieve orders the training images for every test image.
func (f Features) retrieve(ctx context.Context) ([]retrieved, error) {
	out, n := make([]retrieved, len(f.TestY)), len(f.TrainY)
	memory := sync.Pool{New: func() any { return &[2][]uint64{make([]uint64, n), make([]uint64, n)} }}
	queries, among := UnitRows[float32](f.TestX, f.Dim), UnitRows[float32](f.TrainX, f.Dim)
	err := f.products(ctx, queries, among, n, func(i, _ int, cos []float32) {
		m := memory.Get().(*[2][]uint64)
		for j, c := range cos {
			m[0][j] = uint64(^rising(c))<<32 | uint64(j)
		}
		out[i] = f.average(inOrder(m[0], m[1]), f.TestY[i])
		memory.Put(m)
	})
	return out, err
}

// inOrder sorts by the upper half, and leaves what is equal there as it was; other is memory. It counts digits of 11
// bits, the last first, three times, which for 50,000 numbers takes an eighth of the time of comparing them.
func inOrder(x, other []uint64) []uint64 {
	const digit = 11
	for shift := 32; shift < 64; shift += digit {
		var at [1 << digit]int
		for _, v := range x {
			at[v>>shift&(1<<digit-1)]++
		}
		sum := 0
		for d, n := range at {
			at[d] = sum
			sum += n
		}
		for _, v := range x {
			d := v >> shift & (1<<digit - 1)
			other[at[d]] = v
			at[d]++
		}
		x, other = other, x
	}
	return x
}

// rising is a number whose order is that of c.
func rising(c float32) uint32 {
	bits := math.Float32bits(c + 0) // one zero
	if bits>>31 == 1 {
		return ^bits
	}
	return bits | 1<<31
}

// average walks along training images, whose keys are in order: distance above, index below.
func (f Features) average(order []uint64, label int32) (r retrieved) {
	var sum float64
	for from := 0; from < len(order); {
		to, right := from, 0
		for ; to < len(order) && order[to]>>32 == order[from]>>32; to++ {
			if f.TrainY[uint32(order[to])] == label {
				if r.relevant+right == 0 {
					r.first = to
				}
				right++
			}
		}
		r.relevant += right
		sum += float64(right) * float64(r.relevant) / float64(to)
		from = to
	}
	if r.relevant > 0 {
		r.precision = sum / float64(r.relevant)
	}
	return r
}
