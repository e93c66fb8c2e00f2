package masks

import (
	"fmt"

	"selfsup/datasets"
)

// InverseBlock keeps a few square blocks, which may overlap, and hides what is outside of them, the same number for
// every sample; 1 is hidden. Baevski et al. 2022, data2vec 2.0, arXiv:2212.07525, section 3.2.
//
// As in the authors' code blocks at the border are cut, so many blocks are drawn that without overlaps they would keep
// Adjust more than they may, and single tokens are then hidden or shown, any as likely, until the count is met.
type InverseBlock struct {
	Ratio  float64 `toml:"ratio"`  // of the tokens that are hidden
	Side   int     `toml:"side"`   // of a block, tokens
	Adjust float64 `toml:"adjust"` // of the tokens
}

// DefaultInverseBlock has the paper's values for images.
func DefaultInverseBlock() *InverseBlock { return &InverseBlock{Ratio: 0.8, Side: 3, Adjust: 0.07} }

// Validate implements Kind.
func (m *InverseBlock) Validate(g Grid) error {
	switch {
	case g.Frames != 1:
		return fmt.Errorf("inverse block: a grid of %s tokens, want one frame", g)
	case m.Side < 1 || m.Side > min(g.Rows, g.Columns):
		return fmt.Errorf("inverse block: side = %d, want 1 to %d on a grid of %s tokens", m.Side, min(g.Rows,
			g.Columns),
			g)
	case !(m.Adjust >= 0 && m.Adjust < 1):
		return fmt.Errorf("inverse block: adjust = %v, want a fraction from 0 up to, not with, 1", m.Adjust)
	}
	return checkHidden(g.Tokens(), m.Ratio)
}

// Kept is how many tokens of a grid stay.
func (m *InverseBlock) Kept(g Grid) int { return g.Tokens() - hidden(g.Tokens(), m.Ratio) }

// Planes implements Kind.
func (m *InverseBlock) Planes() int { return 1 }

// Draw implements Kind.
func (m *InverseBlock) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Tokens()
	blocks := max(1, int(float64(n)*(1-m.Ratio+m.Adjust)/float64(m.Side*m.Side)))
	for range blocks {
		m.keep(dst, g, r.Intn(n))
	}
	order := s.places(n)
	for i := range n {
		j := i + r.Intn(n-i)
		order[i], order[j] = order[j], order[i]
	}
	m.settle(dst, g, order)
}

// keep shows the block around a token: dst is 1 where a token is kept, until settle.
func (m *InverseBlock) keep(dst []uint8, g Grid, centre int) {
	top, left := centre/g.Columns-m.Side/2, centre%g.Columns-m.Side/2
	for y := max(top, 0); y < min(top+m.Side, g.Rows); y++ {
		for x := max(left, 0); x < min(left+m.Side, g.Columns); x++ {
			dst[y*g.Columns+x] = 1
		}
	}
}

// settle hides or shows tokens in an order until the count is met, and turns what is kept into what is hidden.
func (m *InverseBlock) settle(dst []uint8, g Grid, order []int) {
	left := m.Kept(g) - count(dst)
	for _, i := range order {
		switch {
		case left > 0 && dst[i] == 0:
			dst[i], left = 1, left-1
		case left < 0 && dst[i] == 1:
			dst[i], left = 0, left+1
		}
	}
	for i := range dst {
		dst[i] = 1 - dst[i]
	}
}
