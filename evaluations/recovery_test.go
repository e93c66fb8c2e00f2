package evaluations

import (
	"context"
	"math"
	"strings"
	"testing"

	"selfsup/graph"
)

// mixture has n training and n test samples of sources, and of each the features that of gives.
func mixture(n, sources int, of func(s []float64) []float64) (f Features) {
	r := graph.Rand(5, "recovery")
	draw := func() (x []float32, all []float64) {
		for range n {
			s := make([]float64, sources)
			for j := range s {
				s[j] = r.NormFloat64()
			}
			h := of(s)
			f.Dim = len(h)
			for _, v := range h {
				x = append(x, float32(v))
			}
			all = append(all, s...)
		}
		return x, all
	}
	f.Sources = sources
	f.TrainX, f.TrainSources = draw()
	f.TestX, f.TestSources = draw()
	return f
}

// Linear maps of what is looked for are found whatever their scale, in part where a part is there, and nothing is found
// where nothing is.
func TestRecovery(t *testing.T) {
	absolute := func(s []float64) []float64 {
		a, b, c := math.Abs(s[0]), math.Abs(s[1]), math.Abs(s[2])
		return []float64{1e3*a + b, 2*b - c + 7, a + 1e-3*c, 5, a + b + c}
	}
	plain := func(s []float64) []float64 { return []float64{s[0] + s[1], s[1] - s[2], s[2]} }
	for _, c := range []struct {
		name     string
		absolute bool
		of       func(s []float64) []float64
		want     float64
	}{
		{"absolute values of absolute values", true, absolute, 1},
		{"sources of absolute values", false, absolute, 0},
		{"absolute values of sources", true, plain, 0},
		{"sources of sources", false, plain, 1},
		{"one of three", false, func(s []float64) []float64 { return s[1:2] }, 1. / 3},
		{"a source with as much noise", false, func(s []float64) []float64 { return []float64{s[0] + s[1]} },
			2 * math.Sqrt(0.5) / 3},
	} {
		p := DefaultRecovery()
		p.Absolute, p.Ridge = c.absolute, 1e-9
		r, err := p.Evaluate(context.Background(), mixture(4000, 3, c.of))
		if err != nil {
			t.Fatal(err)
		}
		if got := r[0].Value; len(r) != 1 || math.Abs(got-c.want) > 0.03 {
			t.Errorf("%s: got %+v, want %.3f", c.name, r, c.want)
		}
	}
}

func TestRecoveryRefuses(t *testing.T) {
	f := mixture(10, 2, func(s []float64) []float64 { return s })
	f.TestSources = f.TestSources[1:]
	if _, err := DefaultRecovery().Evaluate(context.Background(), f); err == nil ||
		!strings.Contains(err.Error(), "20 and 19 numbers as 2 sources of 10 and 10 samples") {
		t.Errorf("got %v, want the counts", err)
	}
	if err := (&Recovery{}).Validate(); err == nil || !strings.Contains(err.Error(), "ridge: 0") {
		t.Errorf("got %v, want a word about the ridge", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := DefaultRecovery().Evaluate(ctx, mixture(10, 2, func(s []float64) []float64 { return s })); err == nil {
		t.Error("a cancelled evaluation ends with a result")
	}
}
