package sampling

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/setting"
)

// Listed keeps the samples that a list names by their places in the training set, such as `experiment data curate`
// writes.
type Listed struct {
	Places []int `toml:"rows"` // places in the training set, from 0 on, rising
	Of     int   `toml:"of"`   // samples of the set that the list was made for; 0: not said
}

// DefaultListed lists nothing; some are to be listed.
func DefaultListed() *Listed { return &Listed{} }

// Validate checks the settings.
func (s *Listed) Validate() error {
	if len(s.Places) == 0 {
		return setting.Bad("rows", "[]: nothing is left to train on; want places in the training set")
	}
	for i, row := range s.Places {
		if row < 0 || i > 0 && row <= s.Places[i-1] {
			return setting.Bad("rows", "entry %d is %d: want places from 0 on that rise", i, row)
		}
	}
	if last := s.Places[len(s.Places)-1]; s.Of != 0 && s.Of <= last {
		return setting.Bad("of", "%d: the list names sample %d; want more, or 0", s.Of, last)
	}
	return nil
}

// Rows implements Subset.
func (s *Listed) Rows(set datasets.Labelled) ([]int32, error) {
	n, last := set.Len(), s.Places[len(s.Places)-1]
	if s.Of != 0 && s.Of != n {
		return nil, fmt.Errorf("sampling: listed: the list was made for a set of %d samples, and this one has %d",
			s.Of, n)
	}
	if last >= n {
		return nil, fmt.Errorf("sampling: listed: the list names sample %d of a set of %d", last, n)
	}
	rows := make([]int32, len(s.Places))
	for i, row := range s.Places {
		rows[i] = int32(row)
	}
	return rows, nil
}
