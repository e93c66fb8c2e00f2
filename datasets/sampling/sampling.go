// Package sampling says which images a training step holds: samplers, and subsets of a set.
//
// A sampler's step depends on (seed, step) alone, so that a run that is resumed in the middle of an epoch goes on as if
// it had not stopped. An epoch is as many full batches as the set has images for, whatever the sampler.
package sampling

import (
	"fmt"

	"selfsup/datasets"
)

// Sampler chooses the images of one step after another. A step counts from 0 across epochs; one goroutine uses it.
type Sampler interface {
	// Batch writes the images of a step to dst [B].
	Batch(step int, dst []int32)
}

// Settings is a sampler's table of a recipe.
type Settings interface {
	// New samples batches from a set of at least batch images.
	New(set datasets.Labelled, batch int, seed uint64) (Sampler, error)
}

// Leading is Settings whose batches begin with so many samples that have a label.
type Leading interface {
	Leading() int
}

// New checks the batch and makes a sampler; with nil settings it is Shuffle.
func New(s Settings, set datasets.Labelled, batch int, seed uint64) (Sampler, error) {
	n := set.Len()
	if batch < 1 {
		return nil, fmt.Errorf("sampling: batch = %d, want at least 1", batch)
	}
	if batch > n {
		return nil, fmt.Errorf("sampling: batch = %d is larger than the training set of %d images; want at most %d",
			batch, n, n)
	}
	if memory, ok := set.(datasets.Replay); ok {
		return newEvenly(s, memory, seed)
	}
	if s == nil {
		s = &Shuffle{}
	}
	return s.New(set, batch, seed)
}

// order is a permutation of the images for each epoch.
type order interface {
	// at is the image at a place 0 .. n-1 of an epoch.
	at(epoch, place int) int
}

// epochs is a sampler that cuts every epoch of an order into batches; the last part-batch is dropped.
type epochs struct {
	n int
	order
}

func (s *epochs) Batch(step int, dst []int32) {
	perEpoch := s.n / len(dst)
	epoch, first := step/perEpoch, step%perEpoch*len(dst)
	for i := range dst {
		dst[i] = int32(s.at(epoch, first+i))
	}
}
