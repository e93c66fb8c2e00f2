package datasets

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Merges are those of Sennrich et al.'s algorithm, by plain loops over all pieces for every merge.
func TestPairsAreThoseOfPlainLoops(t *testing.T) {
	texts := []string{strings.Repeat("low lower newest widest. ", 5), "the lowest of the low; été, 12 and 122",
		"aaaa aaa"}
	got := learnPairs(slices.Values(texts), 60)
	var words [][]int32
	for _, t := range texts {
		for w := range pieces(t) {
			var s []int32
			for i := range len(w) {
				s = append(s, int32(w[i]))
			}
			words = append(words, s)
		}
	}
	for i := range 60 {
		counts := map[[2]int32]int{}
		for _, s := range words {
			for k := 1; k < len(s); k++ {
				counts[[2]int32{s[k-1], s[k]}]++
			}
		}
		var best [2]int32
		most := 1
		for pair, n := range counts {
			if n > most || n == most && most > 1 && slices.Compare(pair[:], best[:]) < 0 {
				best, most = pair, n
			}
		}
		if most < 2 {
			if len(got.merges) != i {
				t.Fatalf("%d merges, want %d", len(got.merges), i)
			}
			break
		}
		if got.merges[i] != best {
			t.Fatalf("merge %d is %v (%q), want %v, which occurs %d times", i, got.merges[i],
				got.spell[256+i], best, most)
		}
		for k, s := range words {
			words[k] = merged(s, best, int32(256+i))
		}
	}
}

// A text comes back whole, whatever its bytes, and the list of merges makes the same vocabulary.
func TestPairsComeBack(t *testing.T) {
	texts := []string{strings.Repeat("we the people of the United States ", 30), "naïve\n\tété 日本 \xff"}
	v := NewVocabulary(Symbols{Vocabulary: Pairs, Size: 280}, texts)
	again, err := VocabularyOf(v.Unit(), v.Symbols())
	if err != nil || !again.Equal(v) || v.Len() != 282 {
		t.Fatalf("%d symbols, and from their list %v (%v)", v.Len(), again, err)
	}
	for _, text := range append(texts, "", "unseen wörds  and spaces ", "the") {
		window := make([]int32, v.Count(text))
		if n := v.Encode(text, 0, window); n != len(window) || v.Decode(window) != text {
			t.Errorf("%q comes back as %q", text, v.Decode(window))
		}
		if len(window) > 3 {
			part := make([]int32, 2)
			v.Encode(text, 1, part)
			if !slices.Equal(part, window[1:3]) {
				t.Errorf("symbols 1 and 2 of %q are %v, want %v", text, part, window[1:3])
			}
		}
	}
	if n := v.Count(texts[0]); n > len(texts[0])/3 {
		t.Errorf("%d symbols for %d bytes that repeat", n, len(texts[0]))
	}
	for _, bad := range [][]string{{"1"}, {"256 3"}, {"-1 2"}} {
		if _, err := VocabularyOf(Pairs, bad); err == nil {
			t.Errorf("merges %v: no error", bad)
		}
	}
	if same := fmt.Sprint(NewVocabulary(Symbols{Vocabulary: Pairs, Size: 280}, texts).Symbols()); same !=
		fmt.Sprint(v.Symbols()) {
		t.Error("the same texts give another encoding")
	}
}
