package sampling

import (
	"fmt"

	"selfsup/datasets"
)

// evenly draws the steps that an agent's memory holds by then, each as likely as any other and any number of times:
// what a step holds depends on (seed, step) and on how many there are.
type evenly struct {
	memory datasets.Replay
	seed   uint64
}

// newEvenly refuses samplers of sets that stay as they are.
func newEvenly(s Settings, memory datasets.Replay, seed uint64) (Sampler, error) {
	if _, usual := s.(*Shuffle); s != nil && !usual {
		return nil, fmt.Errorf("sampling: %T chooses among samples that are there from the beginning, and these are "+
			"an agent's memory; want no sampler", s)
	}
	return &evenly{memory, seed}, nil
}

// Batch implements Sampler.
func (s *evenly) Batch(step int, dst []int32) {
	r, n := datasets.NewRand(s.seed, "replay", uint64(step)), s.memory.Filled()
	for i := range dst {
		dst[i] = int32(r.Intn(n))
	}
}
