package masks

import (
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/internal/golden"
)

// The rule by which symbols are selected and replaced, for given draws. Symbols that are special there are padding
// here, which the model leaves out of the mask.
func TestGoldenBERT(t *testing.T) {
	f := golden.Load(t, "text/bert_masking")
	all := golden.Param[float64](t, f, "p_mask")
	m := &BERT{Ratio: golden.Param[float64](t, f, "mlm_probability"), Mask: all, Random: (1 - all) *
		golden.Param[float64](t, f, "p_random_of_rest")}
	var seen, labels []float64
	for i, id := range f.Inputs["input_ids"].Data {
		selected, hidden, swapped := m.rule(f.Inputs["u_select"].Data[i], f.Inputs["u_replace"].Data[i],
			f.Inputs["u_random"].Data[i])
		label := golden.Param[float64](t, f, "ignore_index")
		if f.Inputs["special_tokens_mask"].Data[i] == 1 {
			selected, hidden, swapped = false, false, false
		}
		if selected {
			label = id
		}
		switch {
		case hidden:
			id = golden.Param[float64](t, f, "mask_token")
		case swapped:
			id = f.Inputs["random_tokens"].Data[i]
		}
		seen, labels = append(seen, id), append(labels, label)
	}
	golden.Compare(t, "input_ids_masked", seen, f.Outputs["input_ids_masked"], 0)
	golden.Compare(t, "labels", labels, f.Outputs["labels"], 0)
}

// The planes have the shares that the settings say, and what is replaced is selected, in one way.
func TestBERT(t *testing.T) {
	m, g := DefaultBERT(), Grid{1, 50, 1}
	plan := Plan{m, g}
	dst := make([]uint8, plan.Size())
	var counts [3]int
	const draws = 2000
	for step := range draws {
		plan.Draw(dst, 1, step, 0, &Scratch{})
		for i := range 50 {
			for p := range counts {
				counts[p] += int(dst[p*50+i])
			}
			if dst[50+i]+dst[100+i] > dst[i] {
				t.Fatalf("step %d: symbol %d: selected %d, hidden %d, swapped %d", step, i, dst[i], dst[50+i],
					dst[100+i])
			}
		}
	}
	n := float64(draws * 50)
	for p, want := range []float64{0.15, 0.15 * 0.8, 0.15 * 0.1} {
		if got, allowed := float64(counts[p])/n, 5*math.Sqrt(want/n); math.Abs(got-want) > allowed {
			t.Errorf("plane %d: share %.4f, want %.4f +- %.4f", p, got, want, allowed)
		}
	}
	for _, bad := range []*BERT{{Ratio: 0, Mask: 0.8}, {Ratio: 1}, {Ratio: 0.1, Mask: 0.8, Random: 0.3},
		{Ratio: 0.1, Mask: -1}} {
		if err := bad.Validate(g); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%+v: %v, want an error that says what is wanted", bad, err)
		}
	}
	r := datasets.NewRand(1, "x")
	clear(dst)
	(&BERT{Ratio: 0.999999, Mask: 1}).Draw(dst, g, nil, &r, nil)
	if dst[0] != 1 || dst[50] != 1 || dst[100] != 0 {
		t.Errorf("all masked: %v", dst)
	}
}
