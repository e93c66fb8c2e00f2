package edits

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Crop takes a piece of a text, piece [T]: a share of its symbols, at least one, that lie together, at a place at
// random.
//
// Meng et al. 2021, COCO-LM, arXiv:2102.08473, section 3.3.
type Crop struct{ Share float64 }

// Edits implements feed.Editor.
func (e *Crop) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err == nil && !(e.Share > 0 && e.Share <= 1) {
		err = fmt.Errorf("edits: a piece of %v of a text; want a share above 0 and at most 1", e.Share)
	}
	return []feed.Field{text("piece", t, v, 0)}, err
}

// Edit implements feed.Editor.
func (e *Crop) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	if n := len(tokens); n > 0 {
		size := max(int(float64(n)*e.Share), 1)
		at := r.Intn(n - size + 1)
		copy(to[0].I32, tokens[at:at+size])
	}
	return nil
}

// Scramble puts the symbols of a text into another order, scrambled [T], each as likely.
type Scramble struct{}

// Edits implements feed.Editor.
func (e *Scramble) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	return []feed.Field{text("scrambled", t, v, 0)}, err
}

// Edit implements feed.Editor.
func (e *Scramble) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	tokens := there(from[0].I32)
	for i, place := range r.Order(make([]int, len(tokens))) {
		to[0].I32[i] = tokens[place]
	}
	return nil
}
