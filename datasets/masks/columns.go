package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Columns chooses the same number of every row's columns, rounded down; 1 is chosen. Bahri et al. 2022, SCARF,
// arXiv:2106.15147, Alg. 1.
type Columns struct {
	Ratio float64 `toml:"ratio"` // of the columns
}

// count is floor(ratio*n), with room for a ratio that is not exact in binary.
func (m *Columns) count(n int) int { return int(m.Ratio*float64(n) + 1e-9) }

// Validate implements Kind.
func (m *Columns) Validate(g Grid) error {
	if !(m.Ratio > 0 && m.Ratio <= 1) {
		return fmt.Errorf("columns: ratio = %v, want a fraction above 0 and at most 1", m.Ratio)
	}
	if n := g.Tokens(); m.count(n) < 1 {
		return fmt.Errorf("columns: ratio = %v chooses none of %d columns, want one or more", m.Ratio, n)
	}
	return nil
}

// Planes implements Kind.
func (m *Columns) Planes() int { return 1 }

// Draw implements Kind.
func (m *Columns) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Tokens()
	s.choose(dst, s.places(n), m.count(n), r)
}
