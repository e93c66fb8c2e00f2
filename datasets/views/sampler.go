package views

import (
	"fmt"

	"selfsup/datasets"
)

// Sampler says which images a step holds. Every epoch is a permutation of the set, decided by (seed, epoch); it is cut into batches and
// the last part-batch is dropped. A step counts from 0 across epochs.
type Sampler struct {
	n, batch int
	seed     uint64
	epoch    int // whose permutation perm is; -1: none yet
	perm     []int
}

// NewSampler samples batches from n images.
func NewSampler(n, batch int, seed uint64) (*Sampler, error) {
	if batch < 1 {
		return nil, fmt.Errorf("views: batch = %d, expected at least 1", batch)
	}
	if batch > n {
		return nil, fmt.Errorf("views: batch = %d is larger than the training set of %d images; expected at most %d", batch, n, n)
	}
	return &Sampler{n: n, batch: batch, seed: seed, epoch: -1, perm: make([]int, n)}, nil
}

// StepsPerEpoch is the number of full batches in the set.
func (s *Sampler) StepsPerEpoch() int { return s.n / s.batch }

// Batch writes the images of a step to dst [B].
func (s *Sampler) Batch(step int, dst []int32) {
	epoch, k := step/s.StepsPerEpoch(), step%s.StepsPerEpoch()
	if epoch != s.epoch {
		s.epoch = epoch
		for i := range s.perm {
			s.perm[i] = i
		}
		r := datasets.NewRand(s.seed, "epoch", uint64(epoch))
		r.Shuffle(s.perm)
	}
	for i, row := range s.perm[k*s.batch : (k+1)*s.batch] {
		dst[i] = int32(row)
	}
}
