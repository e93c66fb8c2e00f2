package masks

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// Cosine hides another share of every sample, the cosine of an angle between 0 and a right one, any as likely: mostly
// many tokens, sometimes few, and at least one; 1 is hidden. Chang et al. 2022, MaskGIT, arXiv:2202.04200, section 3.1.
type Cosine struct{}

// Validate implements Kind.
func (m *Cosine) Validate(g Grid) error {
	if g.Tokens() < 2 {
		return fmt.Errorf("cosine: a grid of %s tokens, want at least 2", g)
	}
	return nil
}

// Planes implements Kind.
func (m *Cosine) Planes() int { return 1 }

// Draw implements Kind.
func (m *Cosine) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Tokens()
	k := int(math.Ceil(float64(n) * math.Cos(math.Pi/2*r.Float64())))
	s.choose(dst, s.places(n), min(max(k, 1), n), r)
}
