package captioned

import (
	"slices"
	"strings"
	"unicode"

	"selfsup/datasets"
)

// vocabulary numbers the symbols of captions: datasets.Padding, datasets.Unknown, then the symbols in order.
type vocabulary struct {
	characters bool
	symbols    []string // sorted
	index      map[string]int32
}

// newVocabulary has the symbols of every caption of a set.
func newVocabulary(symbols string, set datasets.CaptionSet) vocabulary {
	v := vocabulary{characters: symbols == "characters", index: map[string]int32{}}
	for i := range set.Len() {
		for _, text := range set.Captions(i) {
			for _, w := range v.split(text) {
				if _, ok := v.index[w]; !ok {
					v.index[w] = 0
					v.symbols = append(v.symbols, w)
				}
			}
		}
	}
	slices.Sort(v.symbols)
	for i, w := range v.symbols {
		v.index[w] = int32(datasets.Unknown + 1 + i)
	}
	return v
}

// Len is the number of symbols.
func (v *vocabulary) Len() int { return datasets.Unknown + 1 + len(v.symbols) }

// Symbols lists the symbols by their numbers, from the first after datasets.Unknown on.
func (v *vocabulary) Symbols() []string { return slices.Clone(v.symbols) }

// Unit is what a symbol stands for: words or characters.
func (v *vocabulary) Unit() string {
	if v.characters {
		return "characters"
	}
	return "words"
}

// split cuts a text into its symbols, without regard to case.
func (v *vocabulary) split(text string) []string {
	text = strings.ToLower(text)
	if v.characters {
		return strings.Split(text, "")
	}
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// number is the number of a symbol.
func (v *vocabulary) number(symbol string) int32 {
	if n, ok := v.index[symbol]; ok {
		return n
	}
	return datasets.Unknown
}
