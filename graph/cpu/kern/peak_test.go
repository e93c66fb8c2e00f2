package kern

import "testing"

// A product of 256 runs below the measured peak (a quarter above it would mean that the peak is no peak), and the machine can be measured
// on one thread and on all.
func TestPeak(t *testing.T) {
	if testing.Short() {
		t.Skip("times the machine")
	}
	p := MeasurePeak()
	if p.GFLOPS <= 0 || p.GBPerS <= 0 {
		t.Fatalf("peak %+v, want both above 0", p)
	}
	const n = 256
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	scratch := make([]float32, GemmScratch(false, false, n, n, n))
	seconds := fastest(20, func() { Gemm(false, false, n, n, n, a, n, b, n, c, n, 0, scratch) })
	if got := 2 * n * n * n / seconds / 1e9; got > 1.25*p.GFLOPS {
		t.Errorf("a product of %d runs at %.0f GFLOPS, the peak is said to be %.0f", n, got, p.GFLOPS)
	}
	t.Logf("%.0f GFLOPS, %.1f GB/s", p.GFLOPS, p.GBPerS)
}
