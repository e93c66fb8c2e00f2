package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Varied hides blocks of some samples, of each another share; the others are left whole. 1 is hidden. Zhou et al. 2022,
// iBOT, arXiv:2111.07832, section 3.1 and appendix D; Oquab et al. 2023, DINOv2, arXiv:2304.07193, has the same.
//
// Blocks are BEiT's. As in the authors' code the least block is the square of a third of the grid's side unless
// Smallest says otherwise.
type Varied struct {
	Probability float64    `toml:"probability"` // of a sample to have hidden tokens
	Ratio       [2]float64 `toml:"ratio"`       // least and largest share of its tokens, any between as likely
	Smallest    int        `toml:"smallest"`    // tokens of a block; 0: the square of a third of the shorter side
}

// DefaultVaried has iBOT's values.
func DefaultVaried() *Varied { return &Varied{Probability: 0.5, Ratio: [2]float64{0.1, 0.5}} }

// Validate implements Kind.
func (m *Varied) Validate(g Grid) error {
	switch {
	case g.Frames != 1:
		return fmt.Errorf("varied: a grid of %s tokens, want one frame", g)
	case !(m.Probability >= 0 && m.Probability <= 1):
		return fmt.Errorf("varied: probability = %v, want 0 to 1", m.Probability)
	case !(m.Ratio[0] >= 0 && m.Ratio[0] <= m.Ratio[1] && m.Ratio[1] < 1):
		return fmt.Errorf("varied: ratio = %v, want [least, largest], from 0 up to, not with, 1", m.Ratio)
	case m.Smallest < 0:
		return fmt.Errorf("varied: smallest = %d, want at least 1 token, or 0", m.Smallest)
	}
	return nil
}

// Planes implements Kind.
func (m *Varied) Planes() int { return 1 }

// Draw implements Kind.
func (m *Varied) Draw(dst []uint8, g Grid, step, r *datasets.Rand, s *Scratch) {
	if r.Float64() >= m.Probability {
		return
	}
	smallest, third := m.Smallest, min(g.Rows, g.Columns)/3
	if smallest == 0 {
		smallest = max(third*third, 1)
	}
	b := Block{Ratio: r.Uniform(m.Ratio[0], m.Ratio[1]), Smallest: smallest, Aspect: 0.3}
	b.Draw(dst, g, step, r, s)
}
