package sampling

import (
	"errors"
	"fmt"

	"selfsup/datasets"
)

// TwoStreams begins every batch with images that have a label and fills it with images that have none: for methods that
// learn from both, where few images have a label. Each stream goes through its images in another order each time all of
// them have been drawn. An epoch keeps its number of steps.
//
// The batches of Tarvainen and Valpola 2017, arXiv:1703.01780, and of its code.
type TwoStreams struct {
	Labelled int `toml:"labelled"` // images of a batch that have a label
}

// DefaultTwoStreams has 32 labelled images in a batch.
func DefaultTwoStreams() *TwoStreams { return &TwoStreams{Labelled: 32} }

// Validate checks the settings.
func (s *TwoStreams) Validate() error {
	if s.Labelled < 1 {
		return fmt.Errorf("labelled = %d, want at least 1", s.Labelled)
	}
	return nil
}

// Leading implements Leading.
func (s *TwoStreams) Leading() int { return s.Labelled }

// New implements Settings.
func (s *TwoStreams) New(set datasets.Labelled, batch int, seed uint64) (Sampler, error) {
	if s.Labelled >= batch {
		return nil, fmt.Errorf("sampling: two_streams: labelled = %d leaves no room in the batch of %d for images "+
			"without a label; want at most %d", s.Labelled, batch, batch-1)
	}
	t := &twoStreams{labelled: stream{name: "labelled", seed: seed, pass: -1},
		others: stream{name: "unlabelled", seed: seed, pass: -1}, leading: s.Labelled}
	for i := range set.Len() {
		to := &t.labelled
		if set.Label(i) < 0 {
			to = &t.others
		}
		to.rows = append(to.rows, int32(i))
	}
	switch {
	case len(t.labelled.rows) == 0:
		return nil, errors.New("sampling: two_streams: no image of the set has a label")
	case len(t.others.rows) == 0:
		return nil, errors.New("sampling: two_streams: every image that the method sees has a label; want some " +
			"without, such as [labelled.few_shot] per_class = 10 leaves")
	}
	return t, nil
}

type twoStreams struct {
	labelled, others stream
	leading          int
}

// Batch implements Sampler.
func (t *twoStreams) Batch(step int, dst []int32) {
	t.labelled.fill(step*t.leading, dst[:t.leading])
	t.others.fill(step*(len(dst)-t.leading), dst[t.leading:])
}

// stream is some rows of a set, again and again.
type stream struct {
	name string
	seed uint64
	rows []int32
	pass int // whose permutation perm is; -1: none yet
	perm Permutation
}

// fill writes the rows from a place of the whole stream on.
func (s *stream) fill(from int, dst []int32) {
	for i := range dst {
		pass, at := (from+i)/len(s.rows), (from+i)%len(s.rows)
		if pass != s.pass {
			s.pass, s.perm = pass, NewPermutation(len(s.rows), s.seed, s.name, uint64(pass))
		}
		dst[i] = s.rows[s.perm.At(at)]
	}
}
