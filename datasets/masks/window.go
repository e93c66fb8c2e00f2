package masks

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// Window hides the same number of tokens in every square window of the grid, so that a network of windows or of several
// scales has equal work everywhere; 1 is hidden. Li et al. 2022, Uniform Masking, arXiv:2205.10063, section 3.2: one
// token of every 2x2 stays.
//
// With Window the side of an encoder's attention windows it is the grouping of GreenMIM (arXiv:2205.13515); for the
// finer stages of a pyramid a coarse mask is repeated (Gao et al. 2022, MCMAE, arXiv:2205.03892, section 3.2): Repeat.
type Window struct {
	Side  int     `toml:"side"`  // of a window, tokens
	Ratio float64 `toml:"ratio"` // of a window's tokens; a whole number of them
}

// DefaultWindow leaves one token of four.
func DefaultWindow() *Window { return &Window{Side: 2, Ratio: 0.75} }

// Validate implements Kind.
func (m *Window) Validate(g Grid) error {
	if m.Side < 1 || g.Rows%m.Side != 0 || g.Columns%m.Side != 0 {
		return fmt.Errorf("window: side = %d does not divide a grid of %s tokens", m.Side, g)
	}
	if err := checkRatio(m.Ratio); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	n := m.Ratio * float64(m.Side*m.Side)
	if k := math.Round(n); math.Abs(n-k) > 1e-6 || k < 1 || int(k) >= m.Side*m.Side {
		return fmt.Errorf("window: ratio = %v hides %.3g of %d tokens, want a whole number from 1 to %d", m.Ratio, n,
			m.Side*m.Side, m.Side*m.Side-1)
	}
	return nil
}

// Planes implements Kind.
func (m *Window) Planes() int { return 1 }

// Draw implements Kind.
func (m *Window) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	area := m.Side * m.Side
	k := int(math.Round(m.Ratio * float64(area)))
	for y := 0; y < g.Frames*g.Rows; y += m.Side {
		for x := 0; x < g.Columns; x += m.Side {
			places := s.places(area)
			for i, p := range places {
				places[i] = (y+p/m.Side)*g.Columns + x + p%m.Side
			}
			s.choose(dst, places, k, r)
		}
	}
}

// Repeat writes the mask of a grid to dst for a grid that is factor times finer along rows and columns.
func Repeat(dst, mask []uint8, g Grid, factor int) {
	wide := g.Columns * factor
	for y := range g.Frames * g.Rows * factor {
		for x := range wide {
			dst[y*wide+x] = mask[y/factor*g.Columns+x/factor]
		}
	}
}
