package evaluations

import (
	"context"
	"math"
	"testing"
)

// Halves that know each other are found, ranks of equal numbers are shared, and bits are those of the definition.
func TestHalvesAndTold(t *testing.T) {
	var x []float32
	for i := range 6 { // first half i and second half i are alike, but for text 5, which is nearer to text 0
		a := float64(i)
		x = append(x, float32(math.Cos(a)), float32(math.Sin(a)))
		if i == 5 {
			a = 0
		}
		x = append(x, float32(math.Cos(a)), float32(math.Sin(a)))
	}
	p := DefaultHalves()
	got, err := p.Evaluate(context.Background(), Features{TestX: x, TestY: []int32{0, 0, 0, 1, 1, 1}, Dim: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	// Text 0's second half equals text 5's, and the given one comes last of equally near ones.
	if got[0].Metric != "recall@1" || math.Abs(got[0].Value-4.0/6) > 1e-9 || got[2].Metric != "spearman" {
		t.Errorf("%+v, want a recall of 4/6", got[:3])
	}
	if want := (2 - 2*math.Cos(5)) / 6; math.Abs(got[3].Value-want) > 1e-6 {
		t.Errorf("alignment %v, want %v", got[3].Value, want)
	}
	// scipy.stats.spearmanr([1,2,2,4],[1,3,2,4]) is 0.9486832980505138.
	if r := Spearman([]float64{1, 2, 2, 4}, []float64{1, 3, 2, 4}); math.Abs(r-0.9486832980505138) > 1e-12 {
		t.Errorf("rank correlation %v", r)
	}
	told, err := DefaultTold().Evaluate(context.Background(), Features{Told: &Texts{Nats: 16 * math.Ln2, Symbols: 4,
		Bytes: 8}})
	if err != nil || math.Abs(told[0].Value-2) > 1e-12 || math.Abs(told[1].Value-16) > 1e-9 {
		t.Errorf("%+v (%v), want 2 bits a byte and a perplexity of 16", told, err)
	}
	if _, err := p.Evaluate(context.Background(), Features{TestX: x[:4], Dim: 2}); err == nil {
		t.Error("one text in halves: no error")
	}
}
