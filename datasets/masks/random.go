package masks

import "selfsup/datasets"

// Random hides the same number of tokens of every sample, anywhere; 1 is hidden. He et al. 2022, MAE, arXiv:2111.06377,
// section 3.
type Random struct {
	Ratio float64 `toml:"ratio"` // of the tokens
}

// DefaultRandom has MAE's ratio.
func DefaultRandom() *Random { return &Random{Ratio: 0.75} }

// Validate implements Kind.
func (m *Random) Validate(g Grid) error { return checkHidden(g.Tokens(), m.Ratio) }

// Visible is how many tokens of a sample are not hidden.
func (m *Random) Visible(g Grid) int { return g.Tokens() - hidden(g.Tokens(), m.Ratio) }

// Kept is how many of n tokens stay.
func (m *Random) Kept(n int) int { return n - hidden(n, m.Ratio) }

// Planes implements Kind.
func (m *Random) Planes() int { return 1 }

// Draw implements Kind.
func (m *Random) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Tokens()
	s.choose(dst, s.places(n), hidden(n, m.Ratio), r)
}

// Tube hides the same places in all frames of a clip; 1 is hidden. Tong et al. 2022, VideoMAE, arXiv:2203.12602,
// section 3.3.
type Tube struct {
	Ratio float64 `toml:"ratio"` // of the places in a frame
}

// DefaultTube has VideoMAE's ratio.
func DefaultTube() *Tube { return &Tube{Ratio: 0.9} }

// Validate implements Kind.
func (m *Tube) Validate(g Grid) error { return checkHidden(g.Rows*g.Columns, m.Ratio) }

// Visible is how many places of a frame are not hidden.
func (m *Tube) Visible(g Grid) int { return g.Rows*g.Columns - hidden(g.Rows*g.Columns, m.Ratio) }

// Planes implements Kind.
func (m *Tube) Planes() int { return 1 }

// Draw implements Kind.
func (m *Tube) Draw(dst []uint8, g Grid, _, r *datasets.Rand, s *Scratch) {
	n := g.Rows * g.Columns
	s.choose(dst, s.places(n), hidden(n, m.Ratio), r)
	for f := 1; f < g.Frames; f++ {
		copy(dst[f*n:(f+1)*n], dst[:n])
	}
}
