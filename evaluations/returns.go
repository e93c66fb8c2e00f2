package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/setting"
)

// Returns is the mean sum of rewards of episodes in which a method's agent does what it values most. The episodes
// begin alike for every agent of a data set, whatever the recipe's seed, and are none that it has learned from. Beside
// it stands an agent that does anything at random, as untrained.
type Returns struct {
	Schedule
	Episodes int `toml:"episodes"`
}

// DefaultReturns plays 50 episodes.
func DefaultReturns() *Returns { return &Returns{Episodes: 50} }

// Validate checks the settings.
func (p *Returns) Validate() error { return setting.Least("episodes", p.Episodes, 1) }

// Needs implements Protocol.
func (p *Returns) Needs() Needs { return Needs{Episodes: p.Episodes} }

// Evaluate returns the mean, and the deviation over episodes.
func (p *Returns) Evaluate(_ context.Context, f Features) ([]Result, error) {
	n := float64(len(f.Returns))
	if n == 0 {
		return nil, errors.New("evaluate: returns: no episode was played")
	}
	var mean, squares float64
	for _, v := range f.Returns {
		mean += v / n
	}
	for _, v := range f.Returns {
		squares += (v - mean) * (v - mean) / n
	}
	return []Result{{Protocol: "returns", Metric: "return", Value: mean, Deviation: math.Sqrt(squares),
		Settings: map[string]any{"episodes": len(f.Returns)},
		Notes:    []string{fmt.Sprintf("the deviation is over %d episodes", len(f.Returns))}}}, nil
}

// Largest is the place of the largest number, of equals the first.
func Largest(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
