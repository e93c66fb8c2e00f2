package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The estimate is the U-statistic of its definition: the mean over all four different images i, j, q, r of
// k_ij (l_ij + l_qr - 2 l_iq). Song et al., JMLR 2012.
func TestHSIC(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 7
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
		y[i] = x[i]*x[i] + 0.3*r.NormFloat64()
	}
	k := func(a, b float64) float64 { return math.Exp(-(a - b) * (a - b) / 2) }
	want, count := 0.0, 0.0
	for i := range n {
		for j := range n {
			for q := range n {
				for r := range n {
					if i == j || i == q || i == r || j == q || j == r || q == r {
						continue
					}
					want += k(x[i], x[j]) * (k(y[i], y[j]) + k(y[q], y[r]) - 2*k(y[i], y[q]))
					count++
				}
			}
		}
	}
	if got := hsic(gaussian(x), gaussian(y)); math.Abs(got-want/count) > 1e-12 {
		t.Errorf("HSIC is %v, by its definition %v", got, want/count)
	}
}

// Independent features have neither number, copies have both, whatever their scale and sign, and a square of a feature
// depends on it without a correlation. A feature that is the same for all images is left out.
func TestIndependence(t *testing.T) {
	const n = 600
	r := rand.New(rand.NewPCG(3, 4))
	var free, copied, squared []float32
	for range n {
		a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		free = append(free, float32(a), 5, float32(b), float32(3*c))
		copied = append(copied, float32(a), float32(7-100*a), float32(a/1000))
		squared = append(squared, float32(a), float32(a*a))
	}
	for _, c := range []struct {
		name                  string
		x                     []float32
		dim                   int
		nhsic, correlation    float64
		tolerance, tolerance2 float64
	}{
		{"independent", free, 4, 0, 0, 0.01, 0.08}, {"copies", copied, 3, 1, 1, 1e-4, 1e-4},
		{"a square", squared, 2, 0.45, 0, 0.15, 0.12},
	} {
		rs, err := DefaultIndependence().Evaluate(context.Background(), Features{TrainX: c.x, Dim: c.dim, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) != 2 || math.Abs(rs[0].Value-c.nhsic) > c.tolerance ||
			math.Abs(rs[1].Value-c.correlation) > c.tolerance2 {
			t.Errorf("%s: got %+v, want nhsic %v and correlation %v", c.name, rs, c.nhsic, c.correlation)
		}
	}
	p := &Independence{Images: 512, Features: 2}
	rs, err := p.Evaluate(context.Background(), Features{TrainX: free, Dim: 4})
	if err != nil || rs[0].Settings["features"] != 2 {
		t.Errorf("of two drawn features: %+v (%v)", rs, err)
	}
	same := make([]float32, 30)
	if _, err := p.Evaluate(context.Background(), Features{TrainX: same, Dim: 3}); err == nil ||
		!strings.Contains(err.Error(), "0 of 3 features differ") {
		t.Errorf("of features that are all alike: %v", err)
	}
	for want, p := range map[string]*Independence{"images: 3": {Images: 3, Features: 2}, "features: 1": {Images: 4,
		Features: 1}} {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
