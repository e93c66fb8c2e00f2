package sampling

import "selfsup/datasets"

// Shuffle goes through the whole set in another order each epoch. Above a million images the order is computed place by
// place and takes no memory; up to there it is a list (Fisher and Yates).
type Shuffle struct{}

// listed is the largest set whose order is a list.
const listed = 1 << 20

// New implements Settings.
func (*Shuffle) New(set datasets.Labelled, _ int, seed uint64) (Sampler, error) {
	return &epochs{set.Len(), newOrder(set.Len(), seed)}, nil
}

func newOrder(n int, seed uint64) order {
	if n > listed {
		return &computed{n: n, seed: seed, epoch: -1}
	}
	return &list{n: n, seed: seed, epoch: -1}
}

// list is an order that is held.
type list struct {
	n     int
	seed  uint64
	epoch int // whose permutation perm is; -1: none yet
	perm  []int
}

func (s *list) at(epoch, place int) int {
	if s.perm == nil {
		s.perm = make([]int, s.n)
	}
	if epoch != s.epoch {
		s.epoch = epoch
		r := datasets.NewRand(s.seed, "epoch", uint64(epoch))
		r.Order(s.perm)
	}
	return s.perm[place]
}

// computed is an order of which only the key is held.
type computed struct {
	n     int
	seed  uint64
	epoch int // whose permutation perm is; -1: none yet
	perm  Permutation
}

func (s *computed) at(epoch, place int) int {
	if epoch != s.epoch {
		s.epoch = epoch
		s.perm = NewPermutation(s.n, s.seed, "epoch", uint64(epoch))
	}
	return s.perm.At(place)
}
