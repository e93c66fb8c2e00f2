package datasets

import (
	"slices"
	"unicode/utf8"
)

// Symbols of every vocabulary.
const (
	Padding = 0 // after the end of a text
	Unknown = 1 // a character that the training texts lack
	// FirstSymbol is the first of the vocabulary's own.
	FirstSymbol = 2
)

// Vocabulary numbers the symbols of texts: 0 is Padding, 1 Unknown, then characters or bytes in order.
type Vocabulary struct {
	runes []rune // sorted; nil: bytes
	index map[rune]int32
}

// ByteVocabulary has a symbol for each of the 256 bytes.
func ByteVocabulary() *Vocabulary { return &Vocabulary{} }

// CharacterVocabulary has a symbol for each Unicode code point of the texts.
func CharacterVocabulary(texts []string) *Vocabulary {
	v := &Vocabulary{index: map[rune]int32{}}
	for _, t := range texts {
		for _, r := range t {
			if _, ok := v.index[r]; !ok {
				v.index[r] = 0
				v.runes = append(v.runes, r)
			}
		}
	}
	slices.Sort(v.runes)
	for i, r := range v.runes {
		v.index[r] = int32(i + FirstSymbol)
	}
	return v
}

// Len is the number of symbols, with Padding and Unknown.
func (v *Vocabulary) Len() int {
	if v.index == nil {
		return FirstSymbol + 256
	}
	return FirstSymbol + len(v.runes)
}

// Equal reports whether two vocabularies give every symbol the same number.
func (v *Vocabulary) Equal(other *Vocabulary) bool {
	return v == other || (v.index == nil) == (other.index == nil) && slices.Equal(v.runes, other.runes)
}

// Unit is what a symbol stands for: "characters" or "bytes".
func (v *Vocabulary) Unit() string {
	if v.index == nil {
		return "bytes"
	}
	return "characters"
}

// Count is the number of symbols of a text.
func (v *Vocabulary) Count(text string) int {
	if v.index == nil {
		return len(text)
	}
	return utf8.RuneCountInString(text)
}

// Encode writes the symbols of a text from its symbol number from on to dst, as many as fit, and returns how many these
// are.
func (v *Vocabulary) Encode(text string, from int, dst []int32) int {
	if v.index == nil {
		n := 0
		for i := from; i < len(text) && n < len(dst); i++ {
			dst[n] = int32(text[i]) + FirstSymbol
			n++
		}
		return n
	}
	at, n := 0, 0
	for _, r := range text {
		if n == len(dst) {
			break
		}
		if at >= from {
			id, ok := v.index[r]
			if !ok {
				id = Unknown
			}
			dst[n] = id
			n++
		}
		at++
	}
	return n
}

// Decode is the text of symbols up to the first Padding; Unknown becomes U+FFFD, as does what is no symbol.
func (v *Vocabulary) Decode(symbols []int32) string {
	var b []byte
	for _, s := range symbols {
		k := int(s) - FirstSymbol
		switch {
		case s == Padding:
			return string(b)
		case k < 0 || k+FirstSymbol >= v.Len():
			b = utf8.AppendRune(b, utf8.RuneError)
		case v.index == nil:
			b = append(b, byte(k))
		default:
			b = utf8.AppendRune(b, v.runes[k])
		}
	}
	return string(b)
}
