package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Span hides runs of steps of a sequence, a grid of one row or one column; 1 is hidden. Runs may overlap, so that less
// than Ratio is hidden.
//
// Baevski et al. 2020, wav2vec 2.0, arXiv:2006.11477, section 4.1: a share of all steps are beginnings, drawn without
// replacement. As in the authors' code there are Ratio T / Length runs, rounded at random, and none begins at one of
// the last Length steps, so that the last is never hidden.
type Span struct {
	Ratio  float64 `toml:"ratio"`  // of the steps, were there no overlaps
	Length int     `toml:"length"` // steps of a run
}

// DefaultSpan is the paper's: 0.065 of the steps begin runs of 10.
func DefaultSpan() *Span { return &Span{Ratio: 0.65, Length: 10} }

// Validate implements Kind.
func (m *Span) Validate(g Grid) error {
	switch {
	case g.Frames != 1 || g.Rows != 1 && g.Columns != 1:
		return fmt.Errorf("span: a grid of %s tokens, want a sequence: one row or one column", g)
	case m.Length < 1 || m.Length >= g.Tokens():
		return fmt.Errorf("span: length = %d, want 1 to %d steps of %d", m.Length, g.Tokens()-1, g.Tokens())
	case !(m.Ratio > 0 && m.Ratio <= 1):
		return fmt.Errorf("span: ratio = %v, want above 0 and at most 1", m.Ratio)
	case m.runs(g.Tokens(), 0) < 1:
		return fmt.Errorf("span: ratio = %v of %d steps is less than a run of length = %d", m.Ratio, g.Tokens(),
			m.Length)
	}
	return nil
}

// runs is how many there are of n steps, rounded by a draw in [0,1).
func (m *Span) runs(n int, draw float64) int {
	return min(int(m.Ratio*float64(n)/float64(m.Length)+draw), n-m.Length)
}

// Most is how many steps are hidden at most.
func (m *Span) Most(g Grid) int { return min(m.runs(g.Tokens(), 1)*m.Length, g.Tokens()-1) }

// Planes implements Kind.
func (m *Span) Planes() int { return 1 }

// Draw implements Kind.
func (m *Span) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Tokens()
	places := s.places(n - m.Length)
	for i := range m.runs(n, r.Float64()) {
		j := i + r.Intn(len(places)-i)
		places[i], places[j] = places[j], places[i]
		m.hide(dst, places[i])
	}
}

// hide sets the run that begins at a step.
func (m *Span) hide(dst []uint8, from int) {
	for i := range m.Length {
		dst[from+i] = 1
	}
}
