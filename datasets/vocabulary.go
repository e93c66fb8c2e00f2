package datasets

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"selfsup/setting"
)

// Symbols of every vocabulary.
const (
	Padding = 0 // after the end of a text
	Unknown = 1 // a character or word that the training texts lack, or have too rarely
	// FirstSymbol is the first of the vocabulary's own.
	FirstSymbol = 2
)

// What a symbol can stand for.
const (
	Characters = "characters"
	Words      = "words"
	Bytes      = "bytes"
	Pairs      = "pairs" // bytes, and pairs of symbols that are often beside each other as one
)

// Symbols is the settings of a vocabulary.
type Symbols struct {
	// what a symbol stands for: characters, words without regard to case, bytes, or pairs: a byte-pair encoding that
	// is learned from the training texts
	Vocabulary string `toml:"vocabulary"`
	Least      int    `toml:"least"` // times that a character or word must occur in the training texts to be one
	Size       int    `toml:"size"`  // of pairs: symbols in all, of which 256 are the bytes
}

// DefaultSymbols is all characters of the training texts.
func DefaultSymbols() Symbols { return Symbols{Vocabulary: Characters, Least: 1, Size: 2048} }

// Validate checks the settings.
func (s *Symbols) Validate() error {
	switch {
	case s.Vocabulary != Characters && s.Vocabulary != Words && s.Vocabulary != Bytes && s.Vocabulary != Pairs:
		return setting.Bad("vocabulary", "%q: want \"characters\", \"words\", \"bytes\" or \"pairs\"", s.Vocabulary)
	case s.Vocabulary == Pairs && s.Size < 256:
		return setting.Bad("size", "%d: want at least 256, which are the bytes", s.Size)
	case s.Least < 1:
		return setting.Bad("least", "%d: want at least 1", s.Least)
	case (s.Vocabulary == Bytes || s.Vocabulary == Pairs) && s.Least > 1:
		return setting.Bad("least", "%d: want 1, all of the 256 bytes are symbols", s.Least)
	}
	return nil
}

// Vocabulary numbers the symbols of texts: 0 is Padding, 1 Unknown, then characters, words or bytes in order.
type Vocabulary struct {
	unit    string           // of Symbols
	symbols []string         // sorted; none for bytes and pairs
	pairs   *pairs           // of pairs
	index   map[string]int32 // numbers of the symbols
	counts  []int            // how often each occurs in the texts that it was made of; nil: nobody knows
}

// NewVocabulary has the symbols of the texts. A word is letters, marks and digits, with single apostrophes between
// them, in small letters; with words, every other character but space is a symbol too.
func NewVocabulary(o Symbols, texts []string) *Vocabulary {
	return VocabularyFrom(o, slices.Values(texts))
}

// VocabularyFrom is NewVocabulary of texts of which none is kept. Of pairs they are asked for twice.
func VocabularyFrom(o Symbols, texts iter.Seq[string]) *Vocabulary {
	v := &Vocabulary{unit: o.Vocabulary}
	switch v.unit {
	case Pairs:
		v.pairs = learnPairs(texts, o.Size-256)
		fallthrough
	case Bytes:
		v.counts = make([]int, v.Len())
		for t := range texts {
			for s := range v.Numbers(t) {
				v.counts[s]++
			}
		}
		return v
	}
	occurs, all := map[string]int{}, 0
	for t := range texts {
		for _, s := range Units(t, v.unit) {
			n, known := occurs[s]
			if !known {
				s = strings.Clone(s) // not a part of the text
			}
			occurs[s] = n + 1
			all++
		}
	}
	for s, n := range occurs {
		if n >= o.Least {
			v.symbols = append(v.symbols, s)
		}
	}
	slices.Sort(v.symbols)
	v.index = make(map[string]int32, len(v.symbols))
	v.counts = make([]int, v.Len())
	v.counts[Unknown] = all
	for i, s := range v.symbols {
		v.index[s] = int32(i + FirstSymbol)
		v.counts[i+FirstSymbol] = occurs[s]
		v.counts[Unknown] -= occurs[s]
	}
	return v
}

// Numbers is the symbols of a text in order.
func (v *Vocabulary) Numbers(text string) iter.Seq[int32] {
	if v.unit == Pairs {
		return v.pairs.symbols(text)
	}
	return func(yield func(int32) bool) {
		for _, s := range Units(text, v.unit) {
			if !yield(v.number(s)) {
				return
			}
		}
	}
}

// Counts is how often each symbol occurs in the texts that the vocabulary was made of; nil where it was made
// otherwise.
func (v *Vocabulary) Counts() []int { return slices.Clone(v.counts) }

// VocabularyOf is the vocabulary with the given symbols, as Symbols lists them, of a unit; of bytes there are none.
func VocabularyOf(unit string, symbols []string) (*Vocabulary, error) {
	o := Symbols{Vocabulary: unit, Least: 1, Size: 256}
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: a vocabulary of %q: %w", unit, err)
	}
	if unit == Pairs {
		p, err := pairsOf(symbols)
		return &Vocabulary{unit: unit, pairs: p}, err
	}
	if !slices.IsSorted(symbols) || unit == Bytes && len(symbols) > 0 {
		return nil, fmt.Errorf("datasets: a vocabulary of %d %s out of order; want those of Symbols", len(symbols),
			unit)
	}
	v := &Vocabulary{unit: unit, symbols: slices.Clone(symbols), index: make(map[string]int32, len(symbols))}
	for i, s := range symbols {
		v.index[s] = int32(i + FirstSymbol)
	}
	return v, nil
}

// Units is the symbols of a text, in order, each after the place of its first byte.
func Units(text, unit string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for at := 0; at < len(text); {
			n := 1
			switch unit {
			case Characters:
				n = first(text[at:])
			case Words:
				rest := strings.TrimLeftFunc(text[at:], unicode.IsSpace)
				if at = len(text) - len(rest); rest == "" {
					return
				}
				n = wordEnd(rest)
			}
			s := text[at : at+n]
			if unit == Words {
				s = strings.ToLower(s)
			}
			if !yield(at, s) {
				return
			}
			at += n
		}
	}
}

// wordEnd is the number of bytes of the word, or else of the character, that a text begins with.
func wordEnd(text string) int {
	end := 0 // of the letters so far
	for at, r := range text {
		switch {
		case unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit):
			end = at + first(text[at:])
		case (r == '\'' || r == '’') && end == at && at > 0: // the next letter goes on with the word
		default:
			return max(end, first(text))
		}
	}
	return max(end, first(text))
}

// first is the number of bytes of the character that a text begins with.
func first(text string) int {
	_, n := utf8.DecodeRuneInString(text)
	return n
}

// number is a symbol's.
func (v *Vocabulary) number(symbol string) int32 {
	if v.unit == Bytes {
		return int32(symbol[0]) + FirstSymbol
	}
	if id, ok := v.index[symbol]; ok {
		return id
	}
	return Unknown
}

// Len is the number of symbols, with Padding and Unknown.
func (v *Vocabulary) Len() int {
	switch v.unit {
	case Bytes:
		return FirstSymbol + 256
	case Pairs:
		return FirstSymbol + len(v.pairs.spell)
	}
	return FirstSymbol + len(v.symbols)
}

// Equal reports whether two vocabularies give every symbol the same number.
func (v *Vocabulary) Equal(other *Vocabulary) bool {
	return v == other || v.unit == other.unit && slices.Equal(v.symbols, other.symbols) &&
		(v.unit != Pairs || slices.Equal(v.pairs.merges, other.pairs.merges))
}

// Symbols lists the characters or words from the number FirstSymbol on; of bytes it is empty, and of pairs it is the
// merges in order, each as the numbers of the two symbols that are joined, counted from the bytes on.
func (v *Vocabulary) Symbols() []string {
	if v.unit == Pairs {
		return v.pairs.list()
	}
	return slices.Clone(v.symbols)
}

// Unit names the part of a text that a symbol stands for: "characters", "words", "bytes" or "pairs".
func (v *Vocabulary) Unit() string { return v.unit }

// Count is the number of symbols of a text.
func (v *Vocabulary) Count(text string) int {
	switch v.unit {
	case Bytes:
		return len(text)
	case Characters:
		return utf8.RuneCountInString(text)
	}
	n := 0
	for range v.Numbers(text) {
		n++
	}
	return n
}

// UnknownBytes is how many bytes of a text are of unknown symbols.
func (v *Vocabulary) UnknownBytes(text string) (n int) {
	if v.unit == Bytes || v.unit == Pairs {
		return 0
	}
	for _, s := range Units(text, v.unit) {
		if v.number(s) == Unknown {
			n += len(s)
		}
	}
	return n
}

// Encode writes the symbols of a text from its symbol number from on to dst, as many as fit, and returns how many
// these are.
func (v *Vocabulary) Encode(text string, from int, dst []int32) int {
	if v.unit == Bytes {
		text, from = text[min(from, len(text)):], 0
	}
	at, n := 0, 0
	for s := range v.Numbers(text) {
		if n == len(dst) {
			break
		}
		if at >= from {
			dst[n] = s
			n++
		}
		at++
	}
	return n
}

// Window writes len(dst) symbols of a text to dst: those at the share at of the places where they fit, see WindowStart,
// or all of a shorter text, with Padding after it. It returns how many are not padding.
func (v *Vocabulary) Window(text string, at float64, dst []int32) int {
	n := v.Encode(text, WindowStart(v.Count(text), len(dst), at), dst)
	clear(dst[n:])
	return n
}

// Decode is the text of symbols up to the first Padding, words with spaces between them; Unknown becomes U+FFFD, as
// does what is no symbol.
func (v *Vocabulary) Decode(symbols []int32) string {
	var b []byte
	for i, s := range symbols {
		if s == Padding {
			break
		}
		if v.unit == Words && i > 0 {
			b = append(b, ' ')
		}
		switch k := int(s) - FirstSymbol; {
		case k < 0 || k+FirstSymbol >= v.Len():
			b = utf8.AppendRune(b, utf8.RuneError)
		case v.unit == Bytes:
			b = append(b, byte(k))
		case v.unit == Pairs:
			b = append(b, v.pairs.spell[k]...)
		default:
			b = append(b, v.symbols[k]...)
		}
	}
	return string(b)
}
