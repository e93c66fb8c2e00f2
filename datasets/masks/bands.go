package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Bands hides whole bands of a spectrogram, rows (time) and columns (frequency); 1 is hidden. Bands may overlap. Park
// et al. 2019, SpecAugment, arXiv:1904.08779, section 2.
type Bands struct {
	TimeBands      int     `toml:"time_bands"`
	TimeWidth      int     `toml:"time_width"`    // largest, rows; a width is uniform from 0 to this
	TimeFraction   float64 `toml:"time_fraction"` // no time band is wider than this fraction of the rows
	FrequencyBands int     `toml:"frequency_bands"`
	FrequencyWidth int     `toml:"frequency_width"` // largest, columns
}

// DefaultBands is the policy LibriSpeech double (LD) of table 1, for 80 bins.
func DefaultBands() *Bands {
	return &Bands{TimeBands: 2, TimeWidth: 100, TimeFraction: 1, FrequencyBands: 2, FrequencyWidth: 27}
}

// Validate implements Kind.
func (m *Bands) Validate(g Grid) error {
	switch {
	case g.Frames != 1:
		return fmt.Errorf("bands: a grid of %s tokens, want one frame: time down the rows, frequency along the columns",
			g)
	case m.TimeBands < 0 || m.FrequencyBands < 0 || m.TimeBands+m.FrequencyBands == 0:
		return fmt.Errorf("bands: time_bands = %d, frequency_bands = %d, want none below 0 and one above", m.TimeBands,
			m.FrequencyBands)
	case m.TimeWidth < 1 || m.FrequencyWidth < 1:
		return fmt.Errorf("bands: time_width = %d, frequency_width = %d, want at least 1", m.TimeWidth,
			m.FrequencyWidth)
	case !(m.TimeFraction > 0 && m.TimeFraction <= 1):
		return fmt.Errorf("bands: time_fraction = %v, want above 0 and at most 1", m.TimeFraction)
	}
	return nil
}

// Planes implements Kind.
func (m *Bands) Planes() int { return 1 }

// Draw implements Kind.
func (m *Bands) Draw(dst []uint8, g Grid, _, r *datasets.Rand, _ *Scratch) {
	widest := min(m.TimeWidth, int(m.TimeFraction*float64(g.Rows)))
	for range m.TimeBands {
		from, n := band(g.Rows, widest, r)
		block{from, 0, n, g.Columns}.paint(dst, g.Columns)
	}
	for range m.FrequencyBands {
		from, n := band(g.Columns, min(m.FrequencyWidth, g.Columns), r)
		block{0, from, g.Rows, n}.paint(dst, g.Columns)
	}
}

// band is a width uniform in 0 .. widest and where it begins.
func band(of, widest int, r *datasets.Rand) (from, n int) {
	n = r.Intn(widest + 1)
	return r.Intn(of - n + 1), n
}
