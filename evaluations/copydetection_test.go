package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// By hand: right, wrong, right, and two at once of which one is right. Precisions at the right ones are 1, 2/3 and 3/5;
// nine of ten are right only at the first.
func TestMicroAP(t *testing.T) {
	ap, recall := microAP([]pair{{0.5, true}, {0.9, true}, {0.8, false}, {0.7, true}, {0.5, false}})
	if want := (1 + 2./3 + 3./5) / 3; math.Abs(ap-want) > 1e-12 || math.Abs(recall-1./3) > 1e-12 {
		t.Errorf("average precision %v, recall %v; want %v and a third", ap, recall, want)
	}
}

// Copies near their originals are found, copies of others are not; a kind that is near and one that is not have their
// own numbers, and micro_ap is of both together: with half of the copies lost it is at most a little above a half.
func TestCopyDetection(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, dim = 60, 16
	f := Features{Dim: dim, Seed: 3, TestX: make([]float32, n*dim)}
	for i := range f.TestX {
		f.TestX[i] = float32(r.NormFloat64())
	}
	f.Copies = func(_ context.Context, kind string) ([]float32, error) {
		x := make([]float32, n*dim)
		for i := range x {
			x[i] = f.TestX[i] + 0.1*float32(r.NormFloat64())
			if kind == "crop" { // of nothing
				x[i] = float32(r.NormFloat64())
			}
		}
		return x, nil
	}
	p := DefaultCopyDetection()
	p.Kinds = []string{"jpeg", "crop"}
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Result{}
	for _, one := range rs {
		got[one.Metric] = one
	}
	if v := got["jpeg mAP"].Value; math.Abs(v-1) > 1e-12 {
		t.Errorf("mAP of near copies is %v, want 1", v)
	}
	if v := got["crop mAP"].Value; v > 0.2 {
		t.Errorf("mAP of copies of nothing is %v", v)
	}
	if v := got["mAP"].Value; math.Abs(v-(got["jpeg mAP"].Value+got["crop mAP"].Value)/2) > 1e-12 {
		t.Errorf("mAP of both is %v", v)
	}
	if v := got["micro_ap"].Value; v < 0.49 || v > 0.6 {
		t.Errorf("micro_ap is %v, want about a half", v)
	}
	if v := got["recall@p90"].Value; v < 0.49 || v > 0.6 {
		t.Errorf("recall@p90 is %v, want about a half", v)
	}
	if b := got["mAP"].Bootstrap; b == nil || !(b[0] < got["mAP"].Value && got["mAP"].Value < b[1]) {
		t.Errorf("interval %v of mAP %v", b, got["mAP"].Value)
	}
}

// The bootstrap of a mean has the normal interval of that mean, the same for a seed and another for another.
func TestBootstrap(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	const n = 400
	values := make([]float64, n)
	var mean, square float64
	for i := range values {
		values[i] = r.Float64()
		mean += values[i] / n
	}
	for _, v := range values {
		square += (v - mean) * (v - mean) / (n - 1)
	}
	half := 1.96 * math.Sqrt(square/n)
	f := Features{Seed: 1}
	b := f.bootstrap(n, meanOf(values))
	if math.Abs(b[0]-(mean-half)) > 0.15*half || math.Abs(b[1]-(mean+half)) > 0.15*half {
		t.Errorf("interval %v, want about %v to %v", b, mean-half, mean+half)
	}
	if again := f.bootstrap(n, meanOf(values)); *again != *b {
		t.Errorf("the interval is %v, and again %v", b, again)
	}
	if other := (Features{Seed: 2}).bootstrap(n, meanOf(values)); *other == *b {
		t.Error("another seed has the same interval")
	}
	if b := f.bootstrap(n, func([]int32) float64 { return math.NaN() }); b != nil {
		t.Errorf("what is not finite has the interval %v", b)
	}
}
