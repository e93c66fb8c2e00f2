package edits

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Spans cuts spans out of a text. source [T] has a sentinel in place of each, and target [K] each sentinel with its
// span, then End. Sentinel i is symbol V+Mask+i of a vocabulary of V. What is cut are a share of the symbols, in spans
// of a mean length, at places that are drawn alike; a text begins with what is kept.
//
// Raffel et al. 2020, T5, arXiv:1910.10683, section 3.1.4, drawn as random_spans_noise_mask of the authors' code draws
// them. As there, and unlike the paper's figure 2, no sentinel ends the target.
type Spans struct {
	Ratio float64 // share of symbols that are cut out
	Mean  float64 // symbols of a span
}

// Validate checks the settings.
func (e *Spans) Validate() error {
	if !(e.Ratio > 0 && e.Ratio < 1) || !(e.Mean >= 1) {
		return fmt.Errorf("edits: spans of %v symbols that are %v of a text; want a mean of at least 1 and a share "+
			"between 0 and 1", e.Mean, e.Ratio)
	}
	return nil
}

// count is how many of n symbols are cut out, and in how many spans. Of a single symbol nothing is.
func (e *Spans) count(n int) (noise, spans int) {
	if n < 2 {
		return 0, 0
	}
	noise = min(max(int(math.RoundToEven(float64(n)*e.Ratio)), 1), n-1)
	spans = max(int(math.RoundToEven(float64(noise)/e.Mean)), 1)
	return noise, min(spans, noise, n-noise)
}

// Sentinels is how many spans a text of at most t symbols has at most.
func (e *Spans) Sentinels(t int) int {
	_, spans := e.most(t)
	return spans
}

// most is the longest target of texts of at most t symbols, and their most spans.
func (e *Spans) most(t int) (target, spans int) {
	target = 1
	for n := range t + 1 {
		noise, k := e.count(n)
		target, spans = max(target, noise+k+1), max(spans, k)
	}
	return target, spans
}

// Lengths is the longest text whose source, a sentinel for each span and End included, has at most so many symbols,
// and the length of its target.
//
// random_spans_helper of the authors' code.
func (e *Spans) Lengths(source int) (text, target int) {
	sizes := func(n int) (source, target int) {
		noise := int(math.RoundToEven(float64(n) * e.Ratio))
		spans := int(math.RoundToEven(float64(noise) / e.Mean))
		return n - noise + spans + 1, noise + spans + 1
	}
	text = source - 1
	for s, _ := sizes(text + 1); s <= source; s, _ = sizes(text + 1) {
		text++
	}
	_, target = sizes(text)
	if e.Ratio == 0.5 && target > source {
		text, target = text-1, target-1
	}
	return text, target
}

// Edits implements feed.Editor: source [T] and target [K] of a window of symbols [T].
func (e *Spans) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		return nil, err
	}
	target, spans := e.most(t)
	return []feed.Field{text("source", t, v, Mask+spans), text("target", target, v, Mask+spans)}, nil
}

// Of is the editor for a vocabulary of v symbols.
func (e *Spans) Of(v int) *SpansOf { return &SpansOf{e, v} }

// SpansOf is Spans of windows over a vocabulary of Symbols.
type SpansOf struct {
	*Spans
	Symbols int
}

// Edit implements feed.Editor.
func (e *SpansOf) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	source, target := infill(tokens, e.draw(len(tokens), r), func(i int) int32 { return int32(e.Symbols + Mask + i) })
	copy(to[0].I32, source)
	copy(to[1].I32, append(target, int32(e.Symbols+End)))
	return nil
}

// draw says which of n symbols are cut out.
func (e *Spans) draw(n int, r *datasets.Rand) []bool {
	noise, spans := e.count(n)
	if noise == 0 {
		return make([]bool, n)
	}
	return alternate(segments(starts(noise, spans, r)), segments(starts(n-noise, spans, r)))
}

// starts draws where segments begin: of items the first does, and of those behind it some, as many as to be segments.
func starts(items, segments int, r *datasets.Rand) []bool {
	at := make([]bool, items-1)
	for i, place := range r.Order(make([]int, items-1)) {
		at[place] = i < segments-1
	}
	return at
}

// segments are the lengths of segments of len(starts)+1 items, of which the first begins one, and item i+1 does where
// starts[i].
func segments(starts []bool) []int {
	lengths := []int{1}
	for _, first := range starts {
		if first {
			lengths = append(lengths, 0)
		}
		lengths[len(lengths)-1]++
	}
	return lengths
}

// alternate is false for a span of each length of kept and true for one of each of cut, in turns.
func alternate(cut, kept []int) (mask []bool) {
	for i := range cut {
		for range kept[i] {
			mask = append(mask, false)
		}
		for range cut[i] {
			mask = append(mask, true)
		}
	}
	return mask
}

// infill is the tokens with a sentinel in place of each span of cut ones, and each sentinel with its span.
func infill(tokens []int32, cut []bool, sentinel func(i int) int32) (source, target []int32) {
	span := -1
	for i, token := range tokens {
		if !cut[i] {
			source = append(source, token)
			continue
		}
		if i == 0 || !cut[i-1] {
			span++
			source, target = append(source, sentinel(span)), append(target, sentinel(span))
		}
		target = append(target, token)
	}
	return source, target
}
