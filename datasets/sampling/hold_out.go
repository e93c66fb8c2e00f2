package sampling

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/setting"
)

// Held is a Subset that keeps samples from the training for the evaluations, which learn from these samples of a
// training set alone and are measured on these of a test set.
type Held interface {
	Subset
	// Held lists the samples of a set that the training does not see, in order.
	Held(set datasets.Labelled) ([]int32, error)
}

// HoldOut keeps whole classes from the training and evaluates on them: how well features serve a task that is not the
// training's.
//
// Sariyildiz, Kalantidis, Alahari, Larlus 2023, arXiv:2206.15369, and the Cookbook, arXiv:2304.12210, section 3.2, on
// supervised training. Samples without a label are left out of both. A method that learns from labels sees those of the
// other classes.
type HoldOut struct {
	Classes []string `toml:"classes"` // that the training does not see, by their names
}

// DefaultHoldOut names no class; some are to be chosen.
func DefaultHoldOut() *HoldOut { return &HoldOut{} }

// Validate checks the settings.
func (s *HoldOut) Validate() error {
	for i, name := range s.Classes {
		if slices.Contains(s.Classes[:i], name) {
			return setting.Bad("classes", "%q is named twice", name)
		}
	}
	if len(s.Classes) < 2 {
		return setting.Bad("classes", "%q: evaluations tell at least two classes apart; want as many names", s.Classes)
	}
	return nil
}

// Rows implements Subset.
func (s *HoldOut) Rows(set datasets.Labelled) ([]int32, error) { return s.rows(set, false) }

// Held implements Held.
func (s *HoldOut) Held(set datasets.Labelled) ([]int32, error) { return s.rows(set, true) }

// rows are the samples of the classes that are held out, or of the others.
func (s *HoldOut) rows(set datasets.Labelled, held bool) ([]int32, error) {
	members, err := byClass(set)
	if err != nil {
		return nil, fmt.Errorf("sampling: hold_out: %w", err)
	}
	names := set.Classes()
	for _, name := range s.Classes {
		c := slices.Index(names, name)
		if c < 0 {
			return nil, fmt.Errorf("sampling: hold_out: there is no class %q; want some of %s", name,
				strings.Join(names, ", "))
		}
		if held && len(members[c]) == 0 {
			return nil, fmt.Errorf("sampling: hold_out: class %q has no sample to evaluate on", name)
		}
	}
	var kept []int32
	for c, rows := range members {
		if slices.Contains(s.Classes, names[c]) == held {
			kept = append(kept, rows...)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("sampling: hold_out: all classes are held out, and nothing is left to train on")
	}
	slices.Sort(kept)
	return kept, nil
}
