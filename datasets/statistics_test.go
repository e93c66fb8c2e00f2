package datasets

import (
	"math"
	"testing"
)

func TestStats(t *testing.T) {
	m := &Memory{Images: []Image{{H: 1, W: 2, C: 3, Pix: []byte{0, 10, 255, 255, 10, 255}},
		{H: 1, W: 1, C: 3, Pix: []byte{0, 10, 255}}}}
	mean, std, err := Stats(m)
	want := []float64{1.0 / 3, 10.0 / 255, 1}
	wantStd := []float64{math.Sqrt(2) / 3, 0, 0}
	for c := range want {
		if err != nil || math.Abs(mean[c]-want[c]) > 1e-12 || math.Abs(std[c]-wantStd[c]) > 1e-7 {
			t.Fatalf("got %v, %v (%v), want %v, %v", mean, std, err, want, wantStd)
		}
	}
	for name, bad := range map[string]*Memory{"empty": {}, "mixed": {Images: []Image{{H: 1, W: 1, C: 1, Pix: []byte{1}},
		m.Images[1]}}} {
		if _, _, err := Stats(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
