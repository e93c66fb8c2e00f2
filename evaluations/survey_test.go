package evaluations_test

import (
	"context"
	"math"
	"testing"

	"selfsup/evaluations"
)

func values(t *testing.T, p evaluations.Protocol, f evaluations.Features) map[string]float64 {
	t.Helper()
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, r := range rs {
		all[r.Metric] = r.Value
	}
	return all
}

// The errors of a depth are those worked out by hand; a scale of the whole frame changes nothing, and one depth for
// all pixels has what is said beside them.
func TestDepth(t *testing.T) {
	p := evaluations.DefaultDepth()
	s := &evaluations.Surveyed{Pixels: 3, Told: []float32{1, 2, 4, 30, 10, 20}, Depth: []float32{2, 4, 4, 1, 2, 3},
		Moves: make([]bool, 6)}
	got := values(t, p, evaluations.Features{Surveyed: s})
	// frame 0: medians 2 and 4, so 2, 4, 8 for 2, 4, 4. Frame 1: medians 20 and 2, so 3, 1, 2 for 1, 2, 3
	// constant: 4 for 2, 4, 4 and 2 for 1, 2, 3
	for name, want := range map[string]float64{
		"abs_rel": (1./3 + (2+0.5+1./3)/3) / 2, "rmse": (math.Sqrt(16./3) + math.Sqrt(6./3)) / 2, "delta": 1. / 3,
		"constant abs_rel": (1./3 + (1+1./3)/3) / 2, "constant rmse": (math.Sqrt(4./3) + math.Sqrt(2./3)) / 2,
		"constant delta": (2./3 + 1./3) / 2,
	} {
		if math.Abs(got[name]-want) > 1e-6 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	s.Told[1] = 0
	if _, err := p.Evaluate(context.Background(), evaluations.Features{Surveyed: s}); err == nil {
		t.Error("a depth of 0 is taken")
	}
	s.Told = s.Told[:5]
	if _, err := p.Evaluate(context.Background(), evaluations.Features{Surveyed: s}); err == nil {
		t.Error("frames without their last pixel are taken")
	}
}

// Intersections over unions are counted over all frames.
func TestMoving(t *testing.T) {
	s := &evaluations.Surveyed{Pixels: 4, Told: []float32{0.9, 0.6, 0.2, 0.1, 0.7, 0.4, 0.45, 0},
		Depth: make([]float32, 8), Moves: []bool{true, false, true, false, true, true, true, false}}
	got := values(t, evaluations.DefaultMoving(), evaluations.Features{Surveyed: s})
	for name, want := range map[string]float64{"iou": 2. / 6, "best iou": 5. / 6, "constant iou": 5. / 8} {
		if math.Abs(got[name]-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	s.Told[0] = float32(math.NaN())
	if _, err := evaluations.DefaultMoving().Evaluate(context.Background(),
		evaluations.Features{Surveyed: s}); err == nil {
		t.Error("NaN is taken for a probability")
	}
}

// What is linear in a place's features is read off them, and named.
func TestMotion(t *testing.T) {
	f := evaluations.Features{Dim: 2, Sources: 2, SourceNames: []string{"right", "noise"}}
	fill := func(x *[]float32, y *[]float64, n, seed int) {
		for i := range n {
			a, b := math.Sin(float64(i*7+seed)), math.Cos(float64(i*i+seed))
			*x, *y = append(*x, float32(a), float32(b)), append(*y, 3*a-b, math.Sin(float64(i*i*3+seed*5)))
		}
	}
	fill(&f.TrainX, &f.TrainSources, 300, 1)
	fill(&f.TestX, &f.TestSources, 100, 2)
	got := values(t, evaluations.DefaultMotion(), f)
	if got["r2 of right"] < 0.99 || got["r2 of noise"] > 0.2 {
		t.Errorf("got %v, want all of right and nothing of noise", got)
	}
	for _, p := range []*evaluations.Motion{{Ridge: 0, Places: 1}, {Ridge: 1}} {
		if p.Validate() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

func TestCamera(t *testing.T) {
	r := &evaluations.Ridden{True: []float64{0, 1, 2, 3, 4, 2}, Told: []float64{0, 2, 2, 2, 2, 2}}
	got := values(t, evaluations.DefaultCamera(), evaluations.Features{Ridden: r})
	for name, want := range map[string]float64{"r2 of right": 1 - 4./8, "r2 of down": 0, "r2": 0.25} {
		if math.Abs(got[name]-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	r.Told = r.Told[:4]
	if _, err := evaluations.DefaultCamera().Evaluate(context.Background(),
		evaluations.Features{Ridden: r}); err == nil {
		t.Error("clips of which nothing is told are taken")
	}
}
