package edits

import (
	"errors"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Mixture cuts spans out of each text in one of several ways, and says at the beginning of the source which: source
// [T], target [K], as of Spans. A way with Prefix cuts off the end of the text instead, in one span. The first symbol
// of source is the way's mode, symbol V+Mask+Sentinels+mode. Of a text of T symbols the last is left out to make room.
//
// Tay et al. 2022, UL2, arXiv:2205.05131, section 3.1.
type Mixture struct {
	Symbols int   // V
	Ways    []Way // each as likely
}

// Way is one denoiser of a mixture.
type Way struct {
	Spans
	Prefix bool // the last Ratio of a text is its only span
	Mode   int  // 0, 1, 2 ...
}

// Validate checks the settings.
func (e *Mixture) Validate() error {
	if len(e.Ways) == 0 {
		return errors.New("edits: a mixture of no denoisers; want one at least")
	}
	for i, w := range e.Ways {
		if err := w.Validate(); err != nil || w.Mode < 0 {
			return errors.Join(fmt.Errorf("edits: denoiser %d of a mixture, mode %d", i, w.Mode), err)
		}
	}
	return nil
}

// sizes is the longest target of texts of at most t symbols, how many sentinels they have at most, and how many modes.
func (e *Mixture) sizes(t int) (target, sentinels, modes int) {
	for _, w := range e.Ways {
		longest, spans := w.most(t)
		target, sentinels, modes = max(target, longest+1), max(sentinels, spans, 1), max(modes, w.Mode+1)
	}
	return target, sentinels, modes
}

// Specials is how many special symbols windows of t symbols need.
func (e *Mixture) Specials(t int) int {
	_, sentinels, modes := e.sizes(t)
	return Mask + sentinels + modes
}

// Edits implements feed.Editor.
func (e *Mixture) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		return nil, err
	}
	target, _, _ := e.sizes(t)
	return []feed.Field{text("source", t, v, e.Specials(t)), text("target", target, v, e.Specials(t))}, nil
}

// Edit implements feed.Editor.
func (e *Mixture) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	t := len(from[0].I32)
	tokens := there(from[0].I32)
	tokens = tokens[:min(len(tokens), t-1)]
	w := e.Ways[r.Intn(len(e.Ways))]
	_, sentinels, _ := e.sizes(t)
	cut := make([]bool, len(tokens))
	if noise, _ := w.count(len(tokens)); w.Prefix {
		for i := len(tokens) - noise; i < len(tokens); i++ {
			cut[i] = true
		}
	} else {
		cut = w.draw(len(tokens), r)
	}
	source, target := infill(tokens, cut, func(i int) int32 { return int32(e.Symbols + Mask + i) })
	to[0].I32[0] = int32(e.Symbols + Mask + sentinels + w.Mode)
	copy(to[0].I32[1:], source)
	copy(to[1].I32, append(target, int32(e.Symbols+End)))
	return nil
}
