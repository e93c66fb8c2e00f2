package masks

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// Block hides rectangles until enough is hidden; 1 is hidden. Bao et al. 2022, BEiT, arXiv:2106.08254, Alg. 1.
//
// The algorithm may hide more than the ratio; as in the authors' code a rectangle that would is drawn again, and the
// mask ends early when ten in a row do not fit. Exact then hides single tokens until the count is met, for graphs of
// fixed shapes.
type Block struct {
	Ratio    float64 `toml:"ratio"`    // of the tokens, at most
	Smallest int     `toml:"smallest"` // tokens of a rectangle before it is clipped by what is left to hide
	Aspect   float64 `toml:"aspect"`   // height / width is log-uniform from this to its inverse
	Exact    bool    `toml:"exact"`    // the same count for every sample
}

// DefaultBlock has BEiT's values.
func DefaultBlock() *Block { return &Block{Ratio: 0.4, Smallest: 16, Aspect: 0.3} }

// Validate implements Kind.
func (m *Block) Validate(g Grid) error {
	switch {
	case g.Frames != 1:
		return fmt.Errorf("block: a grid of %s tokens, want one frame", g)
	case m.Smallest < 1:
		return fmt.Errorf("block: smallest = %d, want at least 1 token", m.Smallest)
	case !(m.Aspect > 0 && m.Aspect <= 1):
		return fmt.Errorf("block: aspect = %v, want above 0 and at most 1", m.Aspect)
	}
	return checkHidden(g.Tokens(), m.Ratio)
}

// Planes implements Kind.
func (m *Block) Planes() int { return 1 }

// Draw implements Kind.
func (m *Block) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	left := m.draw(dst, g, r.Float64, r.Intn)
	if !m.Exact || left == 0 {
		return
	}
	open := s.places(g.Tokens())[:0]
	for i, v := range dst {
		if v == 0 {
			open = append(open, i)
		}
	}
	s.choose(dst, open, left, r)
}

// draw hides rectangles by numbers in [0,1) and places below a bound, and returns how many tokens are left to hide.
// When fewer are left than the smallest rectangle has, its size is between the two, as in the authors' code; so is that
// rectangles are less high and less wide than the grid.
func (m *Block) draw(dst []uint8, g Grid, number func() float64, place func(below int) int) (left int) {
	const tries = 10
	left = int(m.Ratio * float64(g.Tokens()))
	for failed := 0; left > 0 && failed < tries; {
		size := float64(m.Smallest) + (float64(left)-float64(m.Smallest))*number()
		aspect := math.Exp(math.Log(m.Aspect) * (1 - 2*number()))
		side := func(v float64) int { return int(math.RoundToEven(math.Sqrt(v))) }
		b := block{h: side(size * aspect), w: side(size / aspect)}
		failed++
		if b.h < 1 || b.w < 1 || b.h >= g.Rows || b.w >= g.Columns {
			continue
		}
		b.top, b.left = place(g.Rows-b.h+1), place(g.Columns-b.w+1)
		if n := b.fresh(dst, g.Columns); n > 0 && n <= left {
			left -= b.paint(dst, g.Columns)
			failed = 0
		}
	}
	return left
}
