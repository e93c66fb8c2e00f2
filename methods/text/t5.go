package text

import (
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// T5 writes the spans that were cut out of a text, from the text with a sentinel in place of each.
//
// Raffel et al. 2020, arXiv:1910.10683, section 3.1.4. The decoder is trained with the encoder and left behind: the
// features are the mean of the encoder's tokens. Positions are learned ones; T5's are relative.
type T5 struct {
	Ratio float64 `toml:"ratio"` // share of symbols that are cut out
	Span  float64 `toml:"span"`  // mean length of a span, symbols
	// symbols of a source with its end, of which windows.length is then checked to be the longest text that fits; 0:
	// as windows.length has it
	Source int `toml:"source"`
	Rewriting
}

// DefaultT5 has the paper's 15 % in spans of 3, and a decoder of 2 blocks; the paper's has as many as the encoder.
func DefaultT5() *T5 { return &T5{Ratio: 0.15, Span: 3, Rewriting: Rewriting{Depth: 2, Heads: 4}} }

// Validate implements methods.Method.
func (m *T5) Validate() error {
	switch {
	case !(m.Ratio > 0 && m.Ratio < 1):
		return setting.Bad("ratio", "%v: want a share between 0 and 1", m.Ratio)
	case !(m.Span >= 1):
		return setting.Bad("span", "%v: want at least 1 symbol", m.Span)
	case m.Source < 0:
		return setting.Bad("source", "%d: want a number of symbols, or 0", m.Source)
	}
	return m.Rewriting.Validate()
}

// Build implements methods.Method.
func (m *T5) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	spans, t := &edits.Spans{Ratio: m.Ratio, Mean: m.Span}, b.Of("view0").Shape[0]
	if m.Source > 0 {
		if want, target := spans.Lengths(m.Source); t != want {
			op.Fail("", "source = %d: windows.length = %d, want %d, whose targets have %d symbols", m.Source, t, want,
				target)
		}
	}
	made := b.Edit(spans.Of(op.ShapeOf(e.Symbols.Table)[0]), "view0")
	return m.build(s, e, made[0], made[1], edits.Mask+spans.Sentinels(t))
}
