package evaluations

import (
	"context"
	"math"
	"strings"
	"testing"
)

// axes is features whose covariance has the given eigenvalues over n rows: axis j is sqrt(n lambda_j / 2) in one row,
// minus that in another, and 0 elsewhere.
func axes(n int, lambda []float64) Features {
	x := make([]float32, n*len(lambda))
	for j, v := range lambda {
		x[2*j*len(lambda)+j] = float32(math.Sqrt(float64(n) * v / 2))
		x[(2*j+1)*len(lambda)+j] = -x[2*j*len(lambda)+j]
	}
	return Features{TrainX: x, Dim: len(lambda)}
}

// The numbers of a known spectrum, by hand.
func TestSpectrumByHand(t *testing.T) {
	f := axes(8, []float64{4, 2, 1, 1})
	rs, err := DefaultSpectrum().Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	root, s := math.Sqrt2, 4+math.Sqrt2 // sigma is as 2, sqrt 2, 1, 1
	entropy := -2/s*math.Log(2/s) - root/s*math.Log(root/s) - 2/s*math.Log(1/s)
	for i, want := range []float64{math.Exp(entropy), 8. / 4, 64. / 22, (4 + 6 + 7 + 8) / 32., 8. / 4} {
		if math.Abs(rs[i].Value-want) > 1e-6 {
			t.Errorf("%s: %v, want %v", rs[i].Metric, rs[i].Value, want)
		}
		if rs[i].Lower != (rs[i].Metric == "auc") {
			t.Errorf("%s: lower is better: %v", rs[i].Metric, rs[i].Lower)
		}
	}
	few := f // of two rows and four features: one direction
	few.TrainX = f.TrainX[:2*f.Dim]
	if rs, err = DefaultSpectrum().Evaluate(context.Background(), few); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 1, 1, 1, 1} {
		if math.Abs(rs[i].Value-want) > 1e-6 {
			t.Errorf("of two rows, %s: %v, want %v", rs[i].Metric, rs[i].Value, want)
		}
	}
	same := f
	same.TrainX = []float32{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}
	for _, p := range []Protocol{DefaultSpectrum(), DefaultAlphaReQ()} {
		if _, err := p.Evaluate(context.Background(), same); err == nil || !strings.Contains(err.Error(), "alike") {
			t.Errorf("%T of features that are alike: got %v", p, err)
		}
	}
}

// A power law gives its exponent, whatever the weights; where features have fewer directions than the line wants, it
// takes those that there are and says so.
func TestAlphaReQ(t *testing.T) {
	for _, c := range []struct {
		dim         int
		alpha       float64
		weighted    bool
		first, last int
		note        string
	}{
		{120, 0.7, true, 11, 100, ""},
		{120, 2, false, 11, 100, ""},
		{40, 1, true, 11, 40, "alpha is of eigenvalues 11 to 40 and not 11 to 100, as the features vary in 40"},
		{12, 1, true, 1, 12, "alpha is of eigenvalues 1 to 12 and not 11 to 100"},
	} {
		lambda := make([]float64, c.dim)
		for j := range lambda {
			lambda[j] = 3 * math.Pow(float64(j+1), -c.alpha)
		}
		p := DefaultAlphaReQ()
		p.Weighted = c.weighted
		rs, err := p.Evaluate(context.Background(), axes(2*c.dim, lambda))
		if err != nil {
			t.Fatal(err)
		}
		r2 := rs[0].Settings["r2"].(float64)
		if math.Abs(rs[0].Value-c.alpha) > 1e-5 || math.Abs(r2-1) > 1e-5 || *rs[0].Ideal != 1 {
			t.Errorf("%d features: %+v, want alpha %v and R2 1", c.dim, rs, c.alpha)
		}
		if s := rs[0].Settings; s["first"] != c.first || s["last"] != c.last {
			t.Errorf("%d features: line %v to %v, want %d to %d", c.dim, s["first"], s["last"], c.first, c.last)
		}
		if got := strings.Join(rs[0].Notes, "; "); !strings.HasPrefix(got, c.note) || (got == "") != (c.note == "") {
			t.Errorf("%d features: note %q, want %q", c.dim, got, c.note)
		}
	}
	if _, err := DefaultAlphaReQ().Evaluate(context.Background(), axes(4, []float64{2, 1})); err == nil ||
		!strings.Contains(err.Error(), "the features vary in 2 directions") {
		t.Errorf("of two directions: got %v", err)
	}
	p := &AlphaReQ{Images: 100, First: 5, Last: 6}
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "at least first + 2 = 7") {
		t.Errorf("a line through two points: got %v", err)
	}
}
