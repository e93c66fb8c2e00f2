package edits

import (
	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Special symbols of Sentences, counted from the vocabulary on.
const (
	Separator = iota // behind each of two sentences
	Class            // before them
)

// Sentences puts two halves of a text, or the first half of one and the beginning of another, between special symbols:
// Class, the first, Separator, the second, Separator. pair [T] is these, segments [T] which of the two each symbol
// belongs to, 0 or 1, and follows [] is 1 where they follow each other. What does not fit into T is cut.
//
// Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1, task 2: half of the pairs follow each other. In the paper a
// label of 0 means so; the words of the two are of one length here, and the paper's are cut where sentences end.
type Sentences struct {
	Symbols int // V
}

// Edits implements feed.Editor, of a window and a window of another text.
func (e *Sentences) Edits(of []feed.Field) ([]feed.Field, error) {
	t, v, err := symbols(of)
	if err != nil {
		return nil, err
	}
	return []feed.Field{text("pair", t, v, Class+1), {Name: "segments", Shape: []int{t}, Int: true, Of: []int{2}},
		{Name: "follows", Int: true, Of: []int{2}}}, nil
}

// Edit implements feed.Editor.
func (e *Sentences) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	text, other := there(from[0].I32), there(from[1].I32)
	room := max(len(to[0].I32)-3, 0)
	text = text[:min(len(text), room)]
	first, second := text[:len(text)/2], text[len(text)/2:]
	if to[2].I32[0] = 1; r.Chance(0.5) {
		to[2].I32[0], second = 0, other[:min(len(other), len(second))]
	}
	pair := append([]int32{int32(e.Symbols + Class)}, first...)
	pair = append(pair, int32(e.Symbols+Separator))
	begin := len(pair)
	pair = append(append(pair, second...), int32(e.Symbols+Separator))
	for i := range to[0].I32[:copy(to[0].I32, pair)] {
		if i >= begin {
			to[1].I32[i] = 1
		}
	}
	return nil
}
