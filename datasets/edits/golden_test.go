package edits

import (
	"testing"

	"selfsup/internal/golden"
)

func ints(x golden.Tensor) (v []int) {
	for _, d := range x.Data {
		v = append(v, int(d))
	}
	return v
}

func tokens(x golden.Tensor) (v []int32) {
	for _, d := range x.Data {
		v = append(v, int32(d))
	}
	return v
}

func same[T int | int32](t *testing.T, name string, got []T, want golden.Tensor) {
	t.Helper()
	var all []float64
	for _, g := range got {
		all = append(all, float64(g))
	}
	if len(all) != len(want.Data) {
		t.Fatalf("%s: got %v, want %v", name, all, want.Data)
	}
	golden.Compare(t, name, all, want, 0)
}

// T5's spans for given segments.
func TestGoldenSpans(t *testing.T) {
	f := golden.Load(t, "text/t5_span_corruption")
	flags := func(name string) (b []bool) {
		for _, d := range f.Inputs[name].Data {
			b = append(b, d != 0)
		}
		return b
	}
	all := tokens(f.Inputs["tokens"])
	cut, kept := segments(flags("noise_segment_starts")), segments(flags("nonnoise_segment_starts"))
	same(t, "noise_span_lengths", cut, f.Outputs["noise_span_lengths"])
	same(t, "nonnoise_span_lengths", kept, f.Outputs["nonnoise_span_lengths"])
	e := &Spans{Ratio: golden.Param[float64](t, f, "noise_density"),
		Mean: golden.Param[float64](t, f, "mean_noise_span_length")}
	noise, spans := e.count(len(all))
	if wantNoise := len(flags("noise_segment_starts")) + 1; noise != wantNoise || spans != len(cut) {
		t.Errorf("of %d symbols %d are cut out in %d spans, want %d in %d", len(all), noise, spans,
			wantNoise, len(cut))
	}
	mask := alternate(cut, kept)
	var places []int
	for _, m := range mask {
		places = append(places, map[bool]int{true: 1}[m])
	}
	same(t, "noise_mask", places, f.Outputs["noise_mask"])
	first := golden.Param[int](t, f, "first_sentinel")
	source, target := infill(all, mask, func(i int) int32 { return int32(first - i) })
	same(t, "inputs", source, f.Outputs["inputs"])
	same(t, "targets", target, f.Outputs["targets"])
	end := int32(golden.Param[int](t, f, "eos"))
	same(t, "inputs_eos", append(source, end), f.Outputs["inputs_eos"])
	same(t, "targets_eos", append(target, end), f.Outputs["targets_eos"])
}

func TestGoldenSpanLengths(t *testing.T) {
	f := golden.Load(t, "text/t5_span_lengths")
	e := &Spans{Ratio: golden.Param[float64](t, f, "noise_density"),
		Mean: golden.Param[float64](t, f, "mean_noise_span_length")}
	var texts, targets []int
	for _, n := range ints(f.Inputs["inputs_length"]) {
		text, target := e.Lengths(n)
		texts, targets = append(texts, text), append(targets, target)
	}
	same(t, "tokens_length", texts, f.Outputs["tokens_length"])
	same(t, "targets_length", targets, f.Outputs["targets_length"])
}

// BART's noises for given draws. The fixtures' texts have a begin and an end that nothing happens to.
func TestGoldenDenoise(t *testing.T) {
	between := func(f *golden.Fixture, do func(tokens []int32) []int32) {
		all := tokens(f.Inputs["tokens"])
		n := len(all)
		out := append([]int32{all[0]}, do(all[1:n-1])...)
		same(t, f.Name, append(out, all[n-1]), f.Outputs["tokens_after"])
	}
	for name, noise := range map[string]string{"text/bart_token_masking": MaskSymbols,
		"text/bart_token_deletion": DeleteSymbols, "text/bart_text_infilling": InfillSpans} {
		f := golden.Load(t, name)
		e := &Denoise{Noise: noise, Ratio: golden.Param[float64](t, f, "mask"), Lambda: 3,
			Random: golden.Param[float64](t, f, "mask_random")}
		chance, others := f.Inputs["u_random"].Data, tokens(f.Inputs["random_tokens"])
		d := draws{
			lengths: ints(f.Inputs["span_lengths"]), places: ints(f.Inputs["permutation"]),
			swapped: func() bool {
				u := chance[0]
				chance = chance[1:]
				return u < e.Random
			},
			other: func() int32 {
				o := others[0]
				others = others[1:]
				return o
			},
			inserts: func(n int) []int {
				p := ints(f.Inputs["insertion_permutation"])
				if len(p) != n {
					t.Fatalf("%s: masks are put into %d places, want %d", name, n, len(p))
				}
				return p
			},
		}
		between(f, func(tokens []int32) []int32 {
			return e.spoilBy(tokens, d, int32(golden.Param[int](t, f, "mask_index")))
		})
	}
	f := golden.Load(t, "text/bart_sentence_permutation")
	between(f, func(tokens []int32) []int32 {
		stop := int32(golden.Param[int](t, f, "full_stop_index"))
		ends := sentences(tokens, func(s int32) bool { return s == stop })
		chosen := ints(f.Inputs["perm_sentences"])
		if len(ends) != len(chosen) {
			t.Fatalf("%d sentences, want %d", len(ends), len(chosen))
		}
		return reorder(tokens, ends, chosen, ints(f.Inputs["perm_inner"]))
	})
	f = golden.Load(t, "text/bart_document_rotation")
	between(f, func(tokens []int32) []int32 { return rotate(tokens, int(f.Inputs["offset"].Data[0])-1) })
}

// What word2vec leaves out and draws as negatives.
func TestGoldenWordSampling(t *testing.T) {
	f := golden.Load(t, "text/word2vec_sampling")
	counts, sample := ints(f.Inputs["counts"]), golden.Param[float64](t, f, "sample")
	golden.Compare(t, "negative_distribution", distribution(counts, golden.Param[float64](t, f, "power")),
		f.Outputs["negative_distribution"], 1e-8)
	code := keep(counts, sample, false)
	golden.Compare(t, "keep_prob_code", code, f.Outputs["keep_prob_code"], 1e-8)
	golden.Compare(t, "keep_prob_paper", keep(counts, sample, true), f.Outputs["keep_prob_paper"], 1e-8)
	var kept []int
	for i, u := range f.Inputs["u"].Data {
		kept = append(kept, map[bool]int{true: 1}[u < code[i]])
	}
	same(t, "kept", kept, f.Outputs["kept"])
}

// DeCLUTR's spans for given draws.
func TestGoldenContrast(t *testing.T) {
	f := golden.Load(t, "text/declutr_spans")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	strategy := ""
	if s := golden.ParamOr[*string](t, f, "sampling_strategy", nil); s != nil {
		strategy = *s
	}
	e := &Contrast{Anchors: get("num_anchors"), Positives: get("num_positives"), Least: get("min_span_len"),
		Most: get("max_span_len"), Strategy: strategy}
	block, start, near := f.Inputs["u_anchor_index"].Data, f.Inputs["u_anchor_start"].Data,
		f.Inputs["u_positive_start"].Data
	var order []float64 // of the draws of whole numbers: block and start of an anchor, then its positives
	for i := range e.Anchors {
		order = append(order, block[i], start[i])
		order = append(order, near[i*e.Positives:(i+1)*e.Positives]...)
	}
	anchors, positives := e.cut(get("num_tokens"), contrastDraws{
		anchor:   func(i int) float64 { return f.Inputs["beta_anchor"].Data[i] },
		positive: func(i, k int) float64 { return f.Inputs["beta_positive"].Data[i*e.Positives+k] },
		below: func(lo, hi int) int {
			u := order[0]
			order = order[1:]
			return lo + int(u*float64(hi-lo))
		},
	})
	flat := func(spans [][2]int) (v []int) {
		for _, s := range spans {
			v = append(v, s[:]...)
		}
		return v
	}
	same(t, "anchors", flat(anchors), f.Outputs["anchors"])
	same(t, "positives", flat(positives), f.Outputs["positives"])
}
