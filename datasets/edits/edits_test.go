package edits

import (
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

const vocabulary, length = 12, 20

// edited has an editor edit windows, and checks that its fields are as it describes them.
func edited(t *testing.T, e feed.Editor, seed uint64, windows ...[]int32) []feed.Slot {
	t.Helper()
	var of []feed.Field
	var from []feed.Slot
	for _, w := range windows {
		of = append(of, feed.Field{Name: "view0", Shape: []int{length}, Int: true, Of: []int{vocabulary}})
		from = append(from, feed.Slot{I32: append(slices.Clone(w), make([]int32, length-len(w))...)})
	}
	fields, err := e.Edits(of)
	if err != nil {
		t.Fatal(err)
	}
	var to []feed.Slot
	for _, f := range fields {
		to = append(to, feed.NewSlot(f, 1))
	}
	r := datasets.NewRand(seed, "test")
	if err := e.Edit(to, from, &r); err != nil {
		t.Fatal(err)
	}
	for i, f := range fields {
		for k, v := range to[i].I32 {
			if v < 0 || int(v) >= f.Of[0] {
				t.Fatalf("seed %d: %s[%d] is %d, want one of %d symbols", seed, f.Name, k, v, f.Of[0])
			}
		}
	}
	return to
}

// aText has n symbols of the vocabulary.
func aText(n int, seed uint64) (tokens []int32) {
	r := datasets.NewRand(seed, "text")
	for range n {
		tokens = append(tokens, symbol(vocabulary, &r))
	}
	return tokens
}

// What spans are cut out of, and a mixture of them, is whole again when every sentinel gives way to its span.
func TestSpansAreWholeAgain(t *testing.T) {
	ways := []Way{{Spans: Spans{0.15, 3}}, {Spans: Spans{0.5, 3}, Mode: 2},
		{Spans: Spans{0.25, 1}, Prefix: true, Mode: 1},
		{Spans: Spans{0.5, 64}, Mode: 2}}
	mixture := &Mixture{Symbols: vocabulary, Ways: ways}
	for seed := range uint64(300) {
		tokens := aText(int(seed%(length+1)), seed)
		for name, e := range map[string]feed.Editor{"spans": (&Spans{0.3, 2}).Of(vocabulary), "mixture": mixture} {
			to := edited(t, e, seed, tokens)
			source, target, want := there(to[0].I32), there(to[1].I32), tokens
			if name == "mixture" {
				mode := int(source[0]) - mixture.Specials(length) - vocabulary + 3
				if mode < 0 || mode > 2 {
					t.Fatalf("seed %d: the source begins with %d, want a mode", seed, source[0])
				}
				source, want = source[1:], tokens[:min(len(tokens), length-1)]
			}
			if len(target) == 0 || target[len(target)-1] != vocabulary+End {
				t.Fatalf("%s: seed %d: target %v, want one with an end", name, seed, target)
			}
			spans := map[int32][]int32{}
			at := int32(-1)
			for _, s := range target[:len(target)-1] {
				if s >= vocabulary+Mask {
					at = s
					continue
				}
				spans[at] = append(spans[at], s)
			}
			var whole []int32
			for _, s := range source {
				if s >= vocabulary {
					whole = append(whole, spans[s]...)
				} else {
					whole = append(whole, s)
				}
			}
			if !slices.Equal(whole, want) {
				t.Fatalf("%s: seed %d: %v and %v make %v, want %v", name, seed, source, target, whole, want)
			}
		}
	}
}

// Noises leave the target as it was, and of the source what they should.
func TestDenoise(t *testing.T) {
	stops := make([]bool, vocabulary)
	stops[2] = true
	all := Denoise{Symbols: vocabulary, Noise: InfillSpans, Ratio: 0.3, Lambda: 3, Random: 0.2, Permute: 1, Rotate: 0.5,
		Stops: stops}
	order := Denoise{Symbols: vocabulary, Noise: MaskSymbols, Permute: 1, Rotate: 1, Stops: stops}
	mask := Denoise{Symbols: vocabulary, Noise: MaskSymbols, Ratio: 0.5}
	drop := Denoise{Symbols: vocabulary, Noise: DeleteSymbols, Ratio: 0.5}
	for seed := range uint64(200) {
		tokens := aText(int(seed%(length+1)), seed)
		for name, e := range map[string]*Denoise{"all": &all, "order": &order, "mask": &mask, "delete": &drop} {
			to := edited(t, e, seed, tokens)
			if target := there(to[1].I32); !slices.Equal(target, append(slices.Clone(tokens), vocabulary+End)) {
				t.Fatalf("%s: target %v of %v", name, target, tokens)
			}
			source := there(to[0].I32)
			masked := 0
			for _, s := range source {
				if s == vocabulary+Mask {
					masked++
				}
			}
			half := (len(tokens) + 1) / 2
			switch name {
			case "order":
				a, b := slices.Clone(source), slices.Clone(tokens)
				slices.Sort(a)
				slices.Sort(b)
				if !slices.Equal(a, b) {
					t.Fatalf("%v in another order is %v", tokens, source)
				}
			case "mask":
				if masked != half || len(source) != len(tokens) {
					t.Fatalf("%v with %d masks is %v", tokens, half, source)
				}
			case "delete":
				if len(source) != len(tokens)-half {
					t.Fatalf("%v without %d is %v", tokens, half, source)
				}
			}
		}
	}
}

// Pairs of words are near each other and known; negatives are words, and are the target only by chance of a small
// vocabulary.
func TestWords(t *testing.T) {
	for seed := range uint64(100) {
		tokens := append(aText(15, seed), datasets.Unknown)
		for _, cbow := range []bool{false, true} {
			e := Words{CBOW: cbow, Pairs: 24, Window: 3, Negatives: 2, Power: 0.75}.Ready(vocabulary)
			to := edited(t, e, seed, tokens)
			near := func(a, b int32) bool {
				for i, x := range tokens {
					for k := max(0, i-3); k <= min(i+3, len(tokens)-1); k++ {
						if k != i && x == a && tokens[k] == b {
							return true
						}
					}
				}
				return false
			}
			for p := range 24 {
				if !cbow && to[0].I32[p] != 0 && !near(to[0].I32[p], to[1].I32[p]) {
					t.Fatalf("%d and %d are not near each other in %v", to[0].I32[p], to[1].I32[p], tokens)
				}
				for _, c := range to[0].I32[p*6*map[bool]int{true: 1}[cbow] : (p+1)*6*map[bool]int{true: 1}[cbow]] {
					if c != 0 && !near(to[1].I32[p], c) {
						t.Fatalf("%d is not around %d in %v", c, to[1].I32[p], tokens)
					}
				}
				for _, n := range to[2].I32[2*p : 2*p+2] {
					if (to[1].I32[p] != 0) != (n >= datasets.FirstSymbol) || n != 0 && n == to[1].I32[p] {
						t.Fatalf("negative %d of %d", n, to[1].I32[p])
					}
				}
			}
		}
	}
}

// Spans, pieces and pairs are parts of their text, whatever its length.
func TestParts(t *testing.T) {
	contains := func(text, part []int32) bool {
		for i := 0; i+len(part) <= len(text); i++ {
			if slices.Equal(text[i:i+len(part)], part) {
				return true
			}
		}
		return false
	}
	for seed := range uint64(200) {
		tokens := aText(int(seed%(length+1)), seed)
		for _, strategy := range []string{"", "subsuming", "adjacent"} {
			to := edited(t, &Contrast{Anchors: 2, Positives: 2, Least: 2, Most: 5, Strategy: strategy}, seed, tokens)
			for _, s := range to {
				for part := range slices.Chunk(s.I32, 5) {
					if part = there(part); !contains(tokens, part) || len(tokens) > 0 && len(part) == 0 {
						t.Fatalf("%q: %v of %v", strategy, part, tokens)
					}
				}
			}
		}
		if piece := there(edited(t, &Crop{0.9}, seed, tokens)[0].I32); !contains(tokens, piece) ||
			len(tokens) > 0 && len(piece) < len(tokens)*9/10 {
			t.Fatalf("piece %v of %v", piece, tokens)
		}
		other := aText(9, seed+1000)
		to := edited(t, &Sentences{Symbols: vocabulary}, seed, tokens, other)
		pair := there(to[0].I32)
		own := tokens[:min(len(tokens), length-3)]
		second := own[len(own)/2:]
		if to[2].I32[0] == 0 {
			second = other[:min(len(other), len(second))]
		}
		want := slices.Concat([]int32{vocabulary + Class}, own[:len(own)/2], []int32{vocabulary + Separator}, second,
			[]int32{vocabulary + Separator})
		if !slices.Equal(pair, want) {
			t.Fatalf("pair %v, want %v", pair, want)
		}
	}
}
