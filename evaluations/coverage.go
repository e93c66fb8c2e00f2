package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Coverage is where an agent has been. It counts the different true states that the steps in its memory begin in, and
// has the entropy of how often, in nats,
//
//	H = - sum over states p ln p,  p a state's share of the steps.
//
// What an agent is curious about shows in it (section 4.1 of the Cookbook). Of an agent with a large memory it is all
// that it has done. "at random" are the same numbers of an agent of the same beginning that does anything at random,
// until its memory holds as many steps.
type Coverage struct {
	Schedule
}

// DefaultCoverage is measured at the end.
func DefaultCoverage() *Coverage { return &Coverage{} }

// Validate implements Protocol: there is nothing to set.
func (p *Coverage) Validate() error { return nil }

// Needs implements Protocol.
func (p *Coverage) Needs() Needs { return Needs{Visits: true} }

// Evaluate returns the number of states and the entropy of both.
func (p *Coverage) Evaluate(_ context.Context, f Features) (all []Result, err error) {
	for _, of := range []struct {
		visits []int
		name   string
	}{{f.Visits, ""}, {f.RandomVisits, " at random"}} {
		steps := 0
		for _, n := range of.visits {
			if n < 1 {
				return nil, fmt.Errorf("evaluate: coverage: a state with %d visits; want those that were visited", n)
			}
			steps += n
		}
		if steps == 0 {
			return nil, errors.New("evaluate: coverage: no step was taken")
		}
		entropy := math.Log(float64(steps))
		for _, n := range of.visits {
			entropy -= float64(n) / float64(steps) * math.Log(float64(n))
		}
		settings := map[string]any{"steps": steps}
		all = append(all, Result{Protocol: "coverage", Metric: "states" + of.name, Value: float64(len(of.visits)),
			Settings: settings},
			Result{Protocol: "coverage", Metric: "entropy" + of.name, Value: entropy, Settings: settings})
	}
	return all, nil
}
