package edits

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// LettersOf is how many symbols the letters of a text can be: bytes, padding and unknown.
const LettersOf = datasets.FirstSymbol + 256

// Letters writes a text letter by letter: words [T] is the text itself, letters [Length] the bytes of how it is
// written, cut where they are more. Of both some are left out at random, others in each.
type Letters struct {
	Vocabulary *datasets.Vocabulary
	Length     int
	Drop       float64 // probability of a symbol, and of a letter, to be left out
}

// Edits implements feed.Editor.
func (e *Letters) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil && (e.Length < 1 || !(e.Drop >= 0 && e.Drop < 1)) {
		err = fmt.Errorf("edits: %d letters of which %v are left out; want at least 1, and a share below 1",
			e.Length, e.Drop)
	}
	return []feed.Field{text("words", t, v, 0), text("letters", e.Length, LettersOf, 0)}, err
}

// Edit implements feed.Editor.
func (e *Letters) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	n := 0
	for _, s := range tokens {
		if !r.Chance(e.Drop) {
			to[0].I32[n] = s
			n++
		}
	}
	n = 0
	for _, letter := range []byte(e.Vocabulary.Decode(tokens)) {
		if n < e.Length && !r.Chance(e.Drop) {
			to[1].I32[n] = int32(letter) + datasets.FirstSymbol
			n++
		}
	}
	return nil
}
