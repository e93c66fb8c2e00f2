package evaluations

import (
	"context"
	"errors"
	"math"

	"selfsup/setting"
)

// Guessed is what a text costs of which each symbol is hidden in turn and told from all others of its window, over test
// texts:
//
//	pseudo_bits_per_byte  bits of all symbols / bytes of the texts
//	pseudo_perplexity     exp of the mean cross-entropy in nats of a symbol
//
// That is the pseudo-log-likelihood of Salazar et al. 2020, arXiv:1910.14659, eq. 1 and 4, in bits. No code can have as
// few bits, since every symbol is told from those behind it too: they compare masked models with each other, and not
// with [evaluate.told]. The bytes of unknown symbols cost 8 bits each. A text longer than a window is cut into windows.
// Each symbol takes a pass over its window. The baseline is how often each symbol occurs in the training texts. It is
// of methods that tell hidden symbols: mlm, bert, declutr, and the generators of electra and coco_lm, and not of
// those whose decoder writes what is hidden one after the other (t5, bart, ul2). It needs no labels. With every the
// training does without the share of its texts that [validation] holds out.
type Guessed struct {
	Schedule
	Texts int `toml:"texts"` // that it looks at, at most; 0: all of the test
}

// DefaultGuessed looks at 50 test texts.
func DefaultGuessed() *Guessed { return &Guessed{Texts: 50} }

// Validate checks the settings.
func (p *Guessed) Validate() error { return setting.Least("texts", p.Texts, 0) }

// Needs implements Protocol.
func (p *Guessed) Needs() Needs { return Needs{Told: &Telling{Texts: p.Texts, Hidden: true}} }

// Evaluate returns the bits.
func (p *Guessed) Evaluate(_ context.Context, f Features) ([]Result, error) {
	t := f.Told
	if t == nil || t.Symbols < 1 || t.Bytes < 1 {
		return nil, errors.New("evaluate: guessed: want texts of at least one symbol that a method has told")
	}
	settings := map[string]any{"symbols": t.Symbols, "bytes": t.Bytes}
	result := func(metric string, value float64) Result {
		return Result{Protocol: "guessed", Metric: metric, Value: value, Lower: true, Settings: settings}
	}
	return []Result{result("pseudo_bits_per_byte", t.Nats/math.Ln2/float64(t.Bytes)),
		result("pseudo_perplexity", math.Exp(t.Nats/float64(t.Symbols)))}, nil
}
