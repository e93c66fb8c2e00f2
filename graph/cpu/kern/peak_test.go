package kern

import "testing"

// Other work on the machine lowers what is measured, so only the order of magnitude can be held: no machine of today is
// outside.
func TestPeak(t *testing.T) {
	p := MeasurePeak()
	if p.GFLOPS < 0.05 || p.GFLOPS > 1e5 || p.GBPerS < 0.05 || p.GBPerS > 1e4 {
		t.Errorf("%.3g GFLOPS and %.3g GB/s", p.GFLOPS, p.GBPerS)
	}
}
