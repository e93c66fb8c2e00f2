package sampling

import (
	"fmt"

	"selfsup/datasets"
)

// Repeated puts every image of a step into it several times, each time with views of its own. An epoch keeps its number
// of steps, so that an image comes once in so many epochs.
//
// Hoffer et al. 2020, Augment your batch, CVPR, arXiv:1901.09335; Berman et al. 2019, arXiv:1902.05509. The repeats of
// an image lie side by side. A method that takes the other images of a step for negatives takes the repeats for
// negatives too.
type Repeated struct {
	Times int `toml:"times"` // that an image is in the step; divides the batch
}

// DefaultRepeated is DeiT's three times. Touvron et al. 2021, arXiv:2012.12877, sec. 6.
func DefaultRepeated() *Repeated { return &Repeated{Times: 3} }

// Validate checks the settings.
func (r *Repeated) Validate() error {
	if r.Times < 1 {
		return fmt.Errorf("times = %d, want at least 1", r.Times)
	}
	return nil
}

// New implements Settings.
func (r *Repeated) New(set datasets.Labelled, batch int, seed uint64) (Sampler, error) {
	if batch%r.Times != 0 {
		return nil, fmt.Errorf("sampling: repeated: times = %d does not divide the batch of %d", r.Times, batch)
	}
	return &repeated{times: r.Times, n: set.Len(), order: newOrder(set.Len(), seed)}, nil
}

type repeated struct {
	times, n int
	order    order
}

// Batch implements Sampler. It goes through the orders of all epochs without a break.
func (r *repeated) Batch(step int, dst []int32) {
	for i := range dst {
		k := (step*len(dst) + i) / r.times
		dst[i] = int32(r.order.at(k/r.n, k%r.n))
	}
}
