package tabular

import (
	"cmp"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VIME tells from the features of a corrupted row which of its entries were corrupted, and what they had been.
//
//	loss = mean over entries BCE(mask) + alpha mean over entries (told - x)^2
//
// Yoon, Zhang, Jordon, van der Schaar, NeurIPS 2020, VIME (no arXiv number), eq. 3 to 6: every entry is corrupted with
// probability Corrupt, by the column's value in another row. The mask that is to be told is where the row has changed:
// an entry that got its own value counts as whole, as in the authors' code. A category is told by its cross-entropy,
// where the authors have numbers from 0 to 1 alone and a sigmoid; here numbers are as [rows] scales them, and told by
// a linear layer. An entry that is missing counts as changed where it was there before, and is not told.
type VIME struct {
	Corrupt float64 `toml:"corrupt"` // probability of an entry
	Alpha   float64 `toml:"alpha"`   // weight of the entries' error beside the mask's
	Hidden  []int   `toml:"hidden"`  // widths of layers before the two linear ones that tell; [] is none
}

// DefaultVIME has the settings of the authors' code.
func DefaultVIME() *VIME { return &VIME{Corrupt: 0.3, Alpha: 2, Hidden: []int{}} }

// Validate implements methods.Method.
func (m *VIME) Validate() error {
	return cmp.Or(checkShare("corrupt", m.Corrupt), setting.Weight("alpha", m.Alpha),
		heads.CheckHidden("hidden", m.Hidden))
}

// checkShare says what is wrong with a probability of entries.
func checkShare(key string, v float64) error {
	if !(v > 0 && v < 1) {
		return setting.Bad(key, "%v: want a share of the entries between 0 and 1", v)
	}
	return nil
}

// Build implements methods.Method.
func (m *VIME) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x := tableOf(b), b.View(0) // [B,K+M]
	mask := s.Random("corrupt").Bernoulli(m.Corrupt, b.Size(), len(t.of))
	corrupted := Replace(x, b.Field(feed.Marginal(0)), t.spread(mask))
	h := enc.New(s)(corrupted) // [B,F]
	guess := heads.Plain(s.In("mask"), enc.Dim, then(m.Hidden, len(t.of))...)(h)
	told := t.head(s.In("entries"), enc.Dim, m.Hidden)(h)
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "mask", Weight: 1, Value: maskLoss(guess, t.differ(corrupted, x))},
			{Name: "entries", Weight: m.Alpha, Value: op.MeanAll(t.errors(s, told, x))}},
	}
}

// maskLoss is the mean binary cross-entropy of logits [B,K] with a mask of 0 and 1.
func maskLoss(logits, mask *graph.Node) *graph.Node {
	return op.MeanAll(losses.BinaryCrossEntropy(logits, mask))
}
