package cudaemu

import (
	"math"
	"testing"
)

func floats(n int, f func(i int) float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(f(i))
	}
	return v
}

func TestSaxpy(t *testing.T) {
	s := begin(t, "kernels")
	const n = 1000
	s.put("x", floats(n, func(i int) float64 { return float64(i) }))
	s.put("y", floats(n, func(i int) float64 { return 1 }))
	s.do("launch saxpy 4 1 1 256 1 1 0 - f:2 p:x p:y i:%d", n)
	s.read("y", 4*n)
	s.run()
	for i, got := range get[float32](s, "y", n) {
		if want := float32(2*i+1) + float32(1+i&3); got != want {
			t.Fatalf("y[%d] = %g, want %g", i, got, want)
		}
	}
}

func TestRowSums(t *testing.T) {
	s := begin(t, "kernels")
	const rows, n = 3, 501
	x := floats(rows*n, func(i int) float64 { return float64(i%17) - 5 })
	s.put("x", x)
	s.do("alloc y 12")
	s.do("launch row_sum %d 1 1 128 1 1 0 - p:x p:y i:%d", rows, n)
	s.read("y", 12)
	s.run()
	for r, got := range get[float32](s, "y", rows) {
		want := float32(0)
		for _, v := range x[r*n:][:n] {
			want += v
		}
		if got != want {
			t.Errorf("row %d: %g, want %g", r, got, want)
		}
	}
}

func TestTiledProduct(t *testing.T) {
	s := begin(t, "kernels")
	const n = 128
	a := floats(n*n, func(i int) float64 { return float64(i*37%101)/50 - 1 })
	b := floats(n*n, func(i int) float64 { return float64(i*53%97)/40 - 1 })
	s.put("a", a)
	s.put("b", b)
	s.do("alloc c %d", 4*n*n)
	s.do("launch gemm 2 2 1 256 1 1 0 - p:a p:b p:c i:%d i:%d i:%d", n, n, n)
	s.read("c", 4*n*n)
	s.run()
	c := get[float32](s, "c", n*n)
	for i := range n {
		for j := range n {
			want := 0.0
			for k := range n {
				want += float64(a[i*n+k]) * float64(b[k*n+j])
			}
			if got := float64(c[i*n+j]); math.Abs(got-want) > 1e-4 {
				t.Fatalf("c[%d,%d] = %g, want %g", i, j, got, want)
			}
		}
	}
}
