package text

import (
	"slices"

	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// UL2 writes what was cut out of a text by one of several denoisers, of which a symbol at the beginning says which
// kind it is: R with short spans, X with long or many ones, S with the end of the text.
//
// Tay et al. 2022, arXiv:2205.05131, section 3.1 and table 2. All denoisers are as likely. S cuts off its share
// exactly; the paper's is a span of that mean length at the end.
type UL2 struct {
	Denoisers []string `toml:"denoisers"` // of the kinds r, s and x; see below
	Rewriting
}

// denoisers by name: the paper's seven.
var denoisers = map[string]edits.Way{
	"r3": {Spans: edits.Spans{Ratio: 0.15, Mean: 3}}, "r8": {Spans: edits.Spans{Ratio: 0.15, Mean: 8}},
	"s":  {Spans: edits.Spans{Ratio: 0.25, Mean: 1}, Prefix: true, Mode: 1},
	"x3": {Spans: edits.Spans{Ratio: 0.5, Mean: 3}, Mode: 2}, "x8": {Spans: edits.Spans{Ratio: 0.5, Mean: 8}, Mode: 2},
	"x64":   {Spans: edits.Spans{Ratio: 0.15, Mean: 64}, Mode: 2},
	"x64_5": {Spans: edits.Spans{Ratio: 0.5, Mean: 64}, Mode: 2},
}

// DefaultUL2 has the paper's seven denoisers: r3 and r8 (15 % in spans of 3 and 8), s (the last quarter), x3 and x8
// (half in spans of 3 and 8), x64 and x64_5 (15 % and half in spans of 64).
func DefaultUL2() *UL2 {
	return &UL2{Denoisers: []string{"r3", "r8", "s", "x3", "x8", "x64", "x64_5"},
		Rewriting: Rewriting{Depth: 2, Heads: 4}}
}

// Validate implements methods.Method.
func (m *UL2) Validate() error {
	if len(m.Denoisers) == 0 {
		return setting.Bad("denoisers", "[]: want at least one of r3, r8, s, x3, x8, x64 and x64_5")
	}
	for i, name := range m.Denoisers {
		if _, ok := denoisers[name]; !ok || slices.Contains(m.Denoisers[:i], name) {
			return setting.Bad("denoisers", "%q: want some of r3, r8, s, x3, x8, x64 and x64_5, each once",
				m.Denoisers)
		}
	}
	return m.Rewriting.Validate()
}

// Build implements methods.Method.
func (m *UL2) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	mixture := &edits.Mixture{Symbols: op.ShapeOf(e.Symbols.Table)[0]}
	for _, name := range m.Denoisers {
		mixture.Ways = append(mixture.Ways, denoisers[name])
	}
	made := b.Edit(mixture, "view0")
	return m.build(s, e, made[0], made[1], mixture.Specials(b.Of("view0").Shape[0]))
}
