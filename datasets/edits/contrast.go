package edits

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Contrast cuts anchors [A,L] out of a text, and positives [A*P,L] near each, with padding behind them. Lengths of
// anchors follow Beta(4,2) between Least and Most, those of positives Beta(2,4): a positive overlaps its anchor, is
// next to it or within it.
//
// Giorgi et al. 2021, DeCLUTR, arXiv:2006.03659, section 3.1, as the authors' code draws them. Texts shorter than 2 A
// L are refused there; here their spans are shorter. With "adjacent" the code never begins a positive at the first
// symbol, and here it may.
type Contrast struct {
	Anchors, Positives int    // A, and P of each
	Least, Most        int    // symbols of a span; L is Most
	Strategy           string // "", "subsuming": positives within their anchor | "adjacent": next to it
}

// Validate checks the settings.
func (e *Contrast) Validate() error {
	switch {
	case e.Anchors < 1 || e.Positives < 1 || e.Least < 1 || e.Most < e.Least:
		return fmt.Errorf("edits: %d anchors with %d positives of %d to %d symbols; want at least 1 of each",
			e.Anchors, e.Positives, e.Least, e.Most)
	case e.Strategy != "" && e.Strategy != "subsuming" && e.Strategy != "adjacent":
		return fmt.Errorf("edits: strategy %q, want \"\", \"subsuming\" or \"adjacent\"", e.Strategy)
	}
	return nil
}

// Edits implements feed.Editor.
func (e *Contrast) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil {
		err = e.Validate()
	}
	if err == nil && e.Most > t {
		err = fmt.Errorf("edits: spans of up to %d symbols of windows of %d; want no longer ones", e.Most, t)
	}
	if err != nil {
		return nil, err
	}
	a, p := text("anchors", 0, v, 0), text("positives", 0, v, 0)
	a.Shape, p.Shape = []int{e.Anchors, e.Most}, []int{e.Anchors * e.Positives, e.Most}
	return []feed.Field{a, p}, nil
}

// Edit implements feed.Editor.
func (e *Contrast) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	if len(tokens) == 0 {
		return nil
	}
	d := contrastDraws{anchor: func(int) float64 { return beta(4, 2, r) },
		positive: func(int, int) float64 { return beta(2, 4, r) },
		below:    func(lo, hi int) int { return lo + r.Intn(hi-lo) }}
	anchors, positives := e.cut(len(tokens), d)
	for i, spans := range [][][2]int{anchors, positives} {
		for k, s := range spans {
			copy(to[i].I32[k*e.Most:(k+1)*e.Most], tokens[s[0]:s[1]])
		}
	}
	return nil
}

// contrastDraws is what chance has to say: shares of lengths, and whole numbers from lo to hi-1.
type contrastDraws struct {
	anchor   func(i int) float64
	positive func(i, k int) float64
	below    func(lo, hi int) int
}

// cut is the spans [from,to) in a text of n symbols, the positives of an anchor together.
func (e *Contrast) cut(n int, d contrastDraws) (anchors, positives [][2]int) {
	most := max(min(e.Most, n/(2*e.Anchors)), 1)
	least := min(e.Least, most)
	length := func(share float64, most int) int { return int(share*float64(most-least)) + least }
	var blocks []int // where anchors may begin, by blocks
	for at := 0; at+most <= n; at += most {
		blocks = append(blocks, at)
	}
	for i := range e.Anchors {
		size := length(d.anchor(i), most)
		var block int
		if left := e.Anchors - i; len(blocks)/left < left {
			block = []int{0, len(blocks) - 1}[d.below(0, 2)]
		} else {
			block = d.below(0, len(blocks))
		}
		from := d.below(blocks[block], blocks[block]+most-size+1)
		blocks = append(blocks[:max(block-1, 0)], blocks[min(block+2, len(blocks)):]...)
		if len(blocks) == 0 {
			blocks = []int{0} // a short text: anchors meet
		}
		to := from + size
		anchors = append(anchors, [2]int{from, to})
		for k := range e.Positives {
			positives = append(positives, e.positive(n, from, to, most, least, d, d.positive(i, k)))
		}
	}
	return anchors, positives
}

// positive is a span near an anchor.
func (e *Contrast) positive(n, from, to, most, least int, d contrastDraws, share float64) [2]int {
	length := func(most int) int { return int(math.Floor(share*float64(most-least))) + least }
	switch e.Strategy {
	case "subsuming":
		size := length(to - from)
		at := d.below(from, to-size+1)
		return [2]int{at, at + size}
	case "adjacent":
		size := length(max(min(most, max(from, n-to)), least))
		var at []int
		if from-size >= 0 {
			at = append(at, from-size)
		}
		if to+size <= n {
			at = append(at, to)
		}
		if len(at) == 0 { // no room on either side
			return [2]int{from, to}
		}
		start := at[d.below(0, len(at))]
		return [2]int{start, start + size}
	}
	size := length(most)
	at := d.below(max(0, from-size), min(to, n-size)+1)
	return [2]int{at, at + size}
}
