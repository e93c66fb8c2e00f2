package masks

import (
	"fmt"

	"selfsup/datasets"
)

// BERT chooses which symbols a language model has to guess, and what it sees in their place. Its three planes are 1
// where a symbol is selected, where the model sees the mask symbol instead, and where it sees a symbol at random
// instead; the rest of the selected stay as they are. Each symbol is selected by a draw of its own, so that their
// number varies.
//
// Devlin et al. 2019, arXiv:1810.04805, section 3.1, drawn as in Hugging Face's code (the authors' draws a fixed
// number).
type BERT struct {
	Ratio  float64 `toml:"ratio"`  // probability to be selected
	Mask   float64 `toml:"mask"`   // of the selected: to be replaced by the mask symbol
	Random float64 `toml:"random"` // of the selected: to be replaced by a symbol at random
}

// DefaultBERT has the paper's 15 %, of which 80 % are masked, 10 % random and 10 % as they are.
func DefaultBERT() *BERT { return &BERT{Ratio: 0.15, Mask: 0.8, Random: 0.1} }

// Validate implements Kind.
func (m *BERT) Validate(Grid) error {
	if err := checkRatio(m.Ratio); err != nil {
		return err
	}
	if !(m.Mask >= 0 && m.Random >= 0 && m.Mask+m.Random <= 1) {
		return fmt.Errorf("mask = %v and random = %v, want shares of at least 0, together at most 1", m.Mask, m.Random)
	}
	return nil
}

// Planes implements Kind.
func (m *BERT) Planes() int { return 3 }

// Draw implements Kind.
func (m *BERT) Draw(dst []uint8, g Grid, _, r *datasets.Rand, _ *Scratch) {
	n := g.Tokens()
	for t := range n {
		selected, hidden, swapped := m.rule(r.Float64(), r.Float64(), r.Float64())
		for plane, is := range []bool{selected, hidden, swapped} {
			if is {
				dst[plane*n+t] = 1
			}
		}
	}
}

// rule is what becomes of a symbol by three uniform draws in [0,1): whether it is selected, whether the mask hides it,
// and whether another takes its place.
func (m *BERT) rule(selects, hides, swaps float64) (selected, hidden, swapped bool) {
	selected = selects < m.Ratio
	hidden = selected && hides < m.Mask
	rest := 1 - m.Mask // of the selected
	swapped = selected && !hidden && rest > 0 && swaps < m.Random/rest
	return selected, hidden, swapped
}
