package evaluations

import (
	"context"
	"errors"
	"math"

	"selfsup/setting"
)

// Told is what a text costs that a method tells symbol by symbol, each from those before it, over the test texts:
//
//	bits_per_byte  bits of all symbols / bytes of the texts, which vocabularies can be compared by
//	perplexity     exp of the mean cross-entropy in nats of a symbol, which they cannot
//
// Texts longer than a window are told in windows that share one symbol, each from its own beginning. The first symbol
// of a text costs as much as one of a vocabulary that are all alike, and the bytes of unknown symbols 8 bits each.
// Words are told without case and spaces, so that their bits are too few beside those of other vocabularies. The
// baseline is how often each symbol occurs in the training texts. It is of methods that tell the next symbol: gpt. It
// needs no labels. With every the training does without the share of its texts that [validation] holds out, which are
// then told in place of the test texts.
type Told struct {
	Schedule
	Texts   int     `toml:"texts"`       // that it looks at, at most; 0: all of the test
	Samples int     `toml:"samples"`     // continuations of test texts that it notes; 0: none
	Prompt  int     `toml:"prompt"`      // symbols of a text that are given to be continued
	Heat    float64 `toml:"temperature"` // of the samples; 0: always the likeliest symbol
}

// DefaultTold looks at all test texts and notes three continuations.
func DefaultTold() *Told { return &Told{Samples: 3, Prompt: 8, Heat: 0.8} }

// Validate checks the settings.
func (p *Told) Validate() error {
	bad := errors.Join(setting.Least("texts", p.Texts, 0), setting.Least("samples", p.Samples, 0),
		setting.Least("prompt", p.Prompt, 1))
	if !(p.Heat >= 0) {
		bad = errors.Join(bad, setting.Bad("temperature", "%v: want at least 0", p.Heat))
	}
	return bad
}

// Telling is what a protocol asks of a method that tells texts.
type Telling struct {
	Texts, Samples, Prompt int
	Heat                   float64
	Hidden                 bool // each symbol hidden in turn, and no next ones
}

// Needs implements Protocol.
func (p *Told) Needs() Needs {
	return Needs{Told: &Telling{p.Texts, p.Samples, p.Prompt, p.Heat, false}}
}

// Texts is what texts cost.
type Texts struct {
	Nats           float64
	Symbols, Bytes int
	Samples        []string // continuations
}

// Evaluate returns the bits.
func (p *Told) Evaluate(_ context.Context, f Features) ([]Result, error) {
	t := f.Told
	if t == nil || t.Symbols < 1 || t.Bytes < 1 {
		return nil, errors.New("evaluate: told: want texts of at least one symbol that a method has told")
	}
	settings := map[string]any{"symbols": t.Symbols, "bytes": t.Bytes}
	return []Result{
		{Protocol: "told", Metric: "bits_per_byte", Value: t.Nats / math.Ln2 / float64(t.Bytes), Lower: true,
			Settings: settings, Notes: t.Samples},
		{Protocol: "told", Metric: "perplexity", Value: math.Exp(t.Nats / float64(t.Symbols)), Lower: true,
			Settings: settings},
	}, nil
}
