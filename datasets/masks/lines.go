package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Lines hides whole rows and whole columns of a spectrogram's tokens, at any places and always as many: 1 is hidden.
// Time is down the rows. It is the structured masking of Huang et al. 2022, AudioMAE, arXiv:2207.06405, section 3.1
// and figure 2: of time, of frequency, or of both.
type Lines struct {
	Time      float64 `toml:"time"`      // share of the rows that are hidden; 0: none
	Frequency float64 `toml:"frequency"` // share of the columns that are hidden; 0: none
}

// Validate implements Kind.
func (m *Lines) Validate(g Grid) error {
	switch {
	case g.Frames != 1:
		return fmt.Errorf("lines: a grid of %s tokens, want one frame: time down the rows, frequency along "+
			"the columns", g)
	case !(m.Time >= 0 && m.Time < 1) || !(m.Frequency >= 0 && m.Frequency < 1):
		return fmt.Errorf("lines: time = %v, frequency = %v, want shares from 0 to below 1", m.Time, m.Frequency)
	}
	if rows, columns := m.hidden(g); rows+columns == 0 || rows == g.Rows || columns == g.Columns {
		return fmt.Errorf("lines: time = %v and frequency = %v hide %d of %d rows and %d of %d columns, want some of "+
			"both kinds", m.Time, m.Frequency, rows, g.Rows, columns, g.Columns)
	}
	return nil
}

// hidden is how many rows and columns are hidden, to the nearest.
func (m *Lines) hidden(g Grid) (rows, columns int) {
	return int(m.Time*float64(g.Rows) + 0.5), int(m.Frequency*float64(g.Columns) + 0.5)
}

// Visible is how many tokens stay, of every sample.
func (m *Lines) Visible(g Grid) int {
	rows, columns := m.hidden(g)
	return (g.Rows - rows) * (g.Columns - columns)
}

// Planes implements Kind.
func (m *Lines) Planes() int { return 1 }

// Draw implements Kind.
func (m *Lines) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	rows, columns := m.hidden(g)
	lines := s.places(g.Rows)
	for i := range rows {
		j := i + r.Intn(len(lines)-i)
		lines[i], lines[j] = lines[j], lines[i]
		block{lines[i], 0, 1, g.Columns}.paint(dst, g.Columns)
	}
	lines = s.places(g.Columns)
	for i := range columns {
		j := i + r.Intn(len(lines)-i)
		lines[i], lines[j] = lines[j], lines[i]
		block{0, lines[i], g.Rows, 1}.paint(dst, g.Columns)
	}
}
