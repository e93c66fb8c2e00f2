package text

import (
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// BART writes a text as it was, from the text with noise: symbols masked or deleted, spans of them filled in by one
// mask, sentences in another order, the whole rotated.
//
// Lewis et al. 2020, arXiv:1910.13461, section 2. A sentence ends with a symbol that ends with a full stop, a question
// mark or an exclamation mark, a full stop alone in the authors' code. The features are the mean of the encoder's
// tokens; the paper fine-tunes the decoder's last.
type BART struct {
	Noise   string  `toml:"noise"`     // mask: symbols | delete: them | infill: spans, by one mask each
	Ratio   float64 `toml:"ratio"`     // share of symbols that it is for; 0: none
	Lambda  float64 `toml:"lambda"`    // with infill: mean length of a span, of a Poisson law
	Random  float64 `toml:"random"`    // share of masks that are symbols at random instead
	Permute float64 `toml:"sentences"` // share of sentences that change places
	Rotate  float64 `toml:"rotate"`    // probability to begin a text at a symbol at random
	Rewriting
}

// DefaultBART has the paper's noise: 30 % in spans of 3, and all sentences in another order. The masks that are
// symbols at random are of the authors' code.
func DefaultBART() *BART {
	return &BART{Noise: edits.InfillSpans, Ratio: 0.3, Lambda: 3, Random: 0.1, Permute: 1,
		Rewriting: Rewriting{Depth: 2, Heads: 4}}
}

// Validate implements methods.Method.
func (m *BART) Validate() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case m.Noise != edits.MaskSymbols && m.Noise != edits.DeleteSymbols && m.Noise != edits.InfillSpans:
		return setting.Bad("noise", "%q: want \"mask\", \"delete\" or \"infill\"", m.Noise)
	case !(m.Ratio >= 0 && m.Ratio < 1):
		return setting.Bad("ratio", "%v: want a share from 0 to below 1", m.Ratio)
	case !(m.Lambda > 0 && m.Lambda < 100):
		return setting.Bad("lambda", "%v: want a mean length above 0 and below 100", m.Lambda)
	case !share(m.Random):
		return setting.Bad("random", "%v: want a share from 0 to 1", m.Random)
	case !share(m.Permute):
		return setting.Bad("sentences", "%v: want a share from 0 to 1", m.Permute)
	case !share(m.Rotate):
		return setting.Bad("rotate", "%v: want a probability from 0 to 1", m.Rotate)
	}
	return m.Rewriting.Validate()
}

// Build implements methods.Method.
func (m *BART) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	v := op.ShapeOf(e.Symbols.Table)[0]
	made := b.Edit(&edits.Denoise{Symbols: v, Ratio: m.Ratio, Noise: m.Noise, Lambda: m.Lambda, Random: m.Random,
		Permute: m.Permute, Rotate: m.Rotate, Stops: stops(b.Vocabulary(), v)}, "view0")
	return m.build(s, e, made[0], made[1], edits.Mask+1)
}

// stops is which of v symbols end a sentence; nil where nothing is known of them.
func stops(vocabulary *datasets.Vocabulary, v int) []bool {
	if vocabulary == nil {
		return nil
	}
	all := make([]bool, v)
	for i := datasets.FirstSymbol; i < v; i++ {
		spelling := strings.TrimRight(vocabulary.Decode([]int32{int32(i)}), " ")
		all[i] = spelling != "" && strings.ContainsAny(spelling[len(spelling)-1:], ".?!")
	}
	return all
}
