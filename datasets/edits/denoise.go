package edits

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Denoise spoils a text in BART's ways, in the order of the authors' code: sentences in another order, symbols masked,
// deleted or spans of them filled in by one mask each, and the whole rotated. source [T] is the text as it is spoilt,
// target [T+1] as it was, with End. The mask is symbol V+Mask of a vocabulary of V.
//
// Lewis et al. 2020, arXiv:1910.13461, section 2.2, as fairseq's DenoisingDataset draws it; the texts have no begin
// and end of their own here. What insertions make longer than T is cut.
type Denoise struct {
	Symbols int     // V
	Ratio   float64 // share of symbols that Noise is for; 0: none
	Noise   string  // mask: each by the mask | delete: each is left out | infill: spans, by one mask each
	Lambda  float64 // with infill: mean length of a span, of a Poisson law; spans of none are masks put in
	Random  float64 // share of masks that are symbols at random instead
	Permute float64 // share of sentences that change places
	Rotate  float64 // probability to begin the text at a symbol at random
	Stops   []bool  // [V] symbols that end a sentence; nil: none
}

// Noises of symbols.
const (
	MaskSymbols   = "mask"
	DeleteSymbols = "delete"
	InfillSpans   = "infill"
)

// Validate checks the settings.
func (e *Denoise) Validate() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case !(e.Ratio >= 0 && e.Ratio < 1) || !share(e.Random) || !share(e.Permute) || !share(e.Rotate):
		return fmt.Errorf("edits: shares of symbols %v, of random ones %v, of sentences %v and of rotated texts %v; "+
			"want 0 to 1", e.Ratio, e.Random, e.Permute, e.Rotate)
	case e.Noise != MaskSymbols && e.Noise != DeleteSymbols && e.Noise != InfillSpans:
		return fmt.Errorf("edits: noise %q, want %q, %q or %q", e.Noise, MaskSymbols, DeleteSymbols, InfillSpans)
	case e.Noise == InfillSpans && !(e.Lambda > 0 && e.Lambda < 100):
		return fmt.Errorf("edits: spans of %v symbols, want a mean above 0 and below 100", e.Lambda)
	}
	return nil
}

// Edits implements feed.Editor.
func (e *Denoise) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		return nil, err
	}
	return []feed.Field{text("source", t, v, Mask+1), text("target", t+1, v, Mask+1)}, nil
}

// Edit implements feed.Editor.
func (e *Denoise) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	copy(to[1].I32, append(append([]int32{}, tokens...), int32(e.Symbols+End)))
	source := append([]int32{}, tokens...)
	if e.Permute > 0 && e.Stops != nil {
		ends := sentences(source, func(s int32) bool { return e.Stops[s] })
		k := int(math.Ceil(float64(len(ends)) * e.Permute))
		source = reorder(source, ends, r.Order(make([]int, len(ends)))[:k], r.Order(make([]int, k)))
	}
	if e.Ratio > 0 && len(source) > 0 {
		source = e.spoil(source, r)
	}
	if n := len(source); n > 1 && r.Chance(e.Rotate) {
		source = rotate(source, r.Intn(n))
	}
	copy(to[0].I32, source)
	return nil
}

// draws is what chance has to say to spoil.
type draws struct {
	lengths []int        // of spans, in order; nil: single symbols
	places  []int        // of the symbols, in the order in which they are chosen
	swapped func() bool  // is the next mask a symbol at random?
	other   func() int32 // the next symbol at random
	inserts func(n int) []int
}

// spoil draws the noise of Noise.
func (e *Denoise) spoil(tokens []int32, r *datasets.Rand) []int32 {
	d := draws{
		places:  r.Order(make([]int, len(tokens))),
		swapped: func() bool { return r.Chance(e.Random) },
		other:   func() int32 { return symbol(e.Symbols, r) },
		inserts: func(n int) []int { return r.Order(make([]int, n)) },
	}
	if e.Noise == InfillSpans {
		for sum := 0; sum < e.budget(len(tokens)); sum += d.lengths[len(d.lengths)-1] {
			d.lengths = append(d.lengths, poisson(e.Lambda, r))
		}
	}
	return e.spoilBy(tokens, d, int32(e.Symbols+Mask))
}

// budget is how many of n symbols are noise.
func (e *Denoise) budget(n int) int { return int(math.Ceil(float64(n) * e.Ratio)) }

// spoilBy is the noise of given draws.
func (e *Denoise) spoilBy(tokens []int32, d draws, mask int32) []int32 {
	lengths, inserted := []int(nil), 0
	left := e.budget(len(tokens))
	if e.Noise != InfillSpans {
		lengths = make([]int, left)
		for i := range lengths {
			lengths[i] = 1
		}
	} else {
		for _, n := range d.lengths {
			if left <= 0 {
				break
			}
			if n = min(n, left); n > 0 {
				lengths = append(lengths, n)
			} else {
				inserted++
			}
			left -= n
		}
	}
	out, gone := append([]int32{}, tokens...), make([]bool, len(tokens))
	var chosen []int
	for i, n := range lengths {
		at := d.places[i]
		if chosen = append(chosen, at); e.Noise == DeleteSymbols {
			gone[at] = true
		}
		for k := at + 1; k < min(at+n, len(tokens)); k++ { // spans may meet, and end with the text
			gone[k] = true
		}
	}
	var swapped []int
	for _, at := range chosen {
		if out[at] = mask; e.Noise != DeleteSymbols && d.swapped() {
			swapped = append(swapped, at)
		}
	}
	for _, at := range swapped {
		out[at] = d.other()
	}
	kept := out[:0]
	for i, token := range out {
		if !gone[i] {
			kept = append(kept, token)
		}
	}
	return e.insert(kept, inserted, d, mask)
}

// insert puts masks in, some of them symbols at random.
func (e *Denoise) insert(tokens []int32, count int, d draws, mask int32) []int32 {
	if count == 0 || len(tokens) == 0 {
		return tokens
	}
	// as many as the share of the text that they are, rounded up, as the authors' code counts
	n := int(math.Ceil(float64(len(tokens)) * (float64(count) / float64(len(tokens)))))
	random := int(math.Ceil(float64(n) * e.Random))
	out, own := make([]int32, len(tokens)+n), make([]bool, len(tokens)+n)
	for i, at := range d.inserts(len(out))[:n] {
		if out[at], own[at] = mask, true; i < random {
			out[at] = d.other()
		}
	}
	for i := range out {
		if !own[i] {
			out[i], tokens = tokens[0], tokens[1:]
		}
	}
	return out
}

// sentences are the places behind sentences: behind each stop that follows none, and behind the text unless its last
// symbol follows one.
func sentences(tokens []int32, stop func(int32) bool) (ends []int) {
	for i, token := range tokens {
		if (stop(token) || i == len(tokens)-1) && (i == 0 || !stop(tokens[i-1])) {
			ends = append(ends, i+1)
		}
	}
	return ends
}

// reorder has the sentences that change places where others of them were: chosen[i] goes where chosen[order[i]] comes
// from. What is behind the last end stays.
func reorder(tokens []int32, ends, chosen, order []int) []int32 {
	which := make([]int, len(ends))
	for i := range which {
		which[i] = i
	}
	for i, s := range chosen {
		which[s] = chosen[order[i]]
	}
	var out []int32
	for _, s := range which {
		from := 0
		if s > 0 {
			from = ends[s-1]
		}
		out = append(out, tokens[from:ends[s]]...)
	}
	return append(out, tokens[len(out):]...)
}

// rotate begins tokens at one of them.
func rotate(tokens []int32, at int) []int32 {
	return append(append([]int32{}, tokens[at:]...), tokens[:at]...)
}
