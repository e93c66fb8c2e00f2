package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Coarse hides whole squares of tokens, the same number for every sample, anywhere on a coarser grid; 1 is hidden. Xie
// et al. 2022, SimMIM, arXiv:2111.09886, section 3.2: squares of 32 pixels.
//
// As in the authors' code the number of hidden squares is rounded up.
type Coarse struct {
	Side  int     `toml:"side"`  // of a square, tokens
	Ratio float64 `toml:"ratio"` // of the squares
}

// DefaultCoarse has SimMIM's values for patches of 16 pixels.
func DefaultCoarse() *Coarse { return &Coarse{Side: 2, Ratio: 0.6} }

// Validate implements Kind.
func (m *Coarse) Validate(g Grid) error {
	if g.Frames != 1 || m.Side < 1 || g.Rows%m.Side != 0 || g.Columns%m.Side != 0 {
		return fmt.Errorf("coarse: side = %d does not divide a grid of %s tokens of one frame", m.Side, g)
	}
	if err := checkRatio(m.Ratio); err != nil {
		return fmt.Errorf("coarse: %w", err)
	}
	if n := g.Tokens() / (m.Side * m.Side); m.count(n) >= n {
		return fmt.Errorf("coarse: ratio = %v hides all of %d squares, want some of both kinds", m.Ratio, n)
	}
	return nil
}

// count is how many of n squares are hidden.
func (m *Coarse) count(n int) int { return int(float64(n)*m.Ratio + 1 - 1e-9) }

// Planes implements Kind.
func (m *Coarse) Planes() int { return 1 }

// Draw implements Kind.
func (m *Coarse) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	wide := g.Columns / m.Side
	n := g.Rows / m.Side * wide
	squares := s.places(n)
	for i := range m.count(n) {
		j := i + r.Intn(n-i)
		squares[i], squares[j] = squares[j], squares[i]
		block{squares[i] / wide * m.Side, squares[i] % wide * m.Side, m.Side, m.Side}.paint(dst, g.Columns)
	}
}
