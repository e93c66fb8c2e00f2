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

func TestThreadsLoopAsLongAsTheyMust(t *testing.T) {
	s := begin(t, "kernels")
	const n = 300
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(i + 1)
	}
	s.put("x", x)
	s.do("alloc y %d", 4*n)
	s.do("launch steps 3 1 1 128 1 1 0 - p:x p:y i:%d", n)
	s.read("y", 4*n)
	s.run()
	for i, got := range get[int32](s, "y", n) {
		want := int32(0)
		for v := i + 1; v != 1; want++ {
			if v%2 == 1 {
				v = 3*v + 1
			} else {
				v /= 2
			}
		}
		if got != want {
			t.Fatalf("%d: %d steps, want %d", i+1, got, want)
		}
	}
}

func TestFunctionsAreCalled(t *testing.T) {
	s := begin(t, "kernels")
	const n = 64
	x := floats(n, func(i int) float64 { return float64(i%7) - 2.5 })
	s.put("x", x)
	s.do("alloc y %d", 8*n)
	// The structure: value, which is overwritten, and padding; weight; three places.
	s.do("launch calls 1 1 1 %d 1 1 0 - p:x p:y w:%d,%d,%d,%d", n, 0, math.Float64bits(0.25), 1|2<<32, 3)
	s.read("y", 8*n)
	s.run()
	ratio := func(a, b float32) (float32, int) {
		if a > b {
			return a / b, 1
		}
		return b * a, 2
	}
	for i, got := range get[float64](s, "y", n) {
		place, weight := [3]int{1, 2, 3}, 0.25
		place[i%3] += 10
		q, k := ratio(x[i], 2)
		weight += float64(q)
		place[(i%3+1)%3] = k
		r, kind := float32(0), 0
		if i%2 == 1 {
			r, kind = ratio(x[i], 3)
		} else {
			r, kind = ratio(3, x[i])
		}
		want := float64(r+float32(100*kind)) + weight + float64(place[0]) + float64(2*place[1]) + float64(4*place[2])
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("thread %d: %g, want %g", i, got, want)
		}
	}
}

func TestSharedMemoryOfTheLaunch(t *testing.T) {
	const blocks, n = 2, 20000
	s := begin(t, "kernels")
	x := floats(blocks*n, func(i int) float64 { return float64(i) })
	s.put("x", x)
	s.fails(1, "launch reversed %d 1 1 256 1 1 %d - p:x i:%d", blocks, 4*n, n) // more than 48 KB
	s.fails(1, "shared reversed %d", 164<<10)
	s.do("shared reversed %d", 4*n)
	s.do("launch reversed %d 1 1 256 1 1 %d - p:x i:%d", blocks, 4*n, n)
	s.read("x", 4*blocks*n)
	s.run()
	for i, got := range get[float32](s, "x", blocks*n) {
		if want := x[i/n*n+n-1-i%n]; got != want {
			t.Fatalf("x[%d] = %g, want %g", i, got, want)
		}
	}
}

func TestCopiesUnderWay(t *testing.T) {
	const rows, threads = 7, 64
	s := begin(t, "kernels")
	x := floats(rows*threads*4, func(i int) float64 { return float64(i * 31 % 19) })
	s.put("x", x)
	s.do("alloc y %d", threads*16)
	s.do("launch pipeline 1 1 1 %d 1 1 0 - p:x p:y i:%d", threads, rows)
	s.read("y", threads*16)
	s.run()
	for i, got := range get[float32](s, "y", threads*4) {
		want := float32(0)
		for r := range rows {
			want += x[r*threads*4+i]
		}
		if got != want {
			t.Fatalf("column %d: %g, want %g", i, got, want)
		}
	}
}

func TestAtomics(t *testing.T) {
	const n = 1000
	s := begin(t, "kernels")
	x := make([]int32, n)
	want := make([]int32, 8)
	for i := range x {
		x[i] = int32(i * i % 11)
		want[x[i]&7]++
	}
	s.put("x", x)
	s.put("counts", make([]int32, 8))
	s.do("launch counted 8 1 1 128 1 1 0 - p:x p:counts i:%d", n)
	s.read("counts", 32)
	s.run()
	for k, got := range get[int32](s, "counts", 8) {
		if got != want[k] {
			t.Errorf("%d stands %d times, want %d", k, got, want[k])
		}
	}
}

// bf16 is the upper half of a float32 that has no lower one.
func bf16(v float32) uint16 { return uint16(math.Float32bits(v) >> 16) }

// A product of the tensor cores against float64, and one whose fragment is laid out wrongly.
func TestTensorCores(t *testing.T) {
	for _, c := range []struct {
		kernel string
		k      int
		tf32   bool
		byRows bool // B
		wrong  bool
	}{
		{kernel: "bf16_k16", k: 16}, {kernel: "bf16_ldmatrix", k: 16, byRows: true}, {kernel: "bf16_k8", k: 8},
		{kernel: "tf32_k8", k: 8, tf32: true}, {kernel: "bf16_wrong", k: 16, wrong: true},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			round := func(v float64) float32 { // to what the format holds
				bits := math.Float32bits(float32(v))
				if c.tf32 {
					return math.Float32frombits(bits &^ 0x1fff)
				}
				return math.Float32frombits(bits &^ 0xffff)
			}
			a := floats(16*c.k, func(i int) float64 { return float64(round(math.Sin(float64(i)))) })
			b := floats(8*c.k, func(i int) float64 { return float64(round(math.Cos(float64(3 * i)))) }) // [8,K]
			s := begin(t, "matrix")
			stored := b
			if c.byRows {
				stored = floats(8*c.k, func(i int) float64 { return float64(b[i%8*c.k+i/8]) })
			}
			for name, v := range map[string][]float32{"a": a, "b": stored} {
				if c.tf32 {
					s.put(name, v)
					continue
				}
				half := make([]uint16, len(v))
				for i := range v {
					half[i] = bf16(v[i])
				}
				s.put(name, half)
			}
			s.do("alloc c 512")
			s.do("launch %s 1 1 1 32 1 1 0 - p:a p:b p:c", c.kernel)
			s.read("c", 512)
			s.run()
			worst := 0.0
			for i, got := range get[float32](s, "c", 128) {
				want := 0.0
				for k := range c.k {
					want += float64(a[i/8*c.k+k]) * float64(b[i%8*c.k+k])
				}
				worst = max(worst, math.Abs(float64(got)-want))
			}
			if c.wrong != (worst > 0.1) || !c.wrong && worst > 1e-6 {
				t.Errorf("differs by %g from the product in float64", worst)
			}
		})
	}
}

// Blocks run on several threads of the CPU; results are the same.
func TestThreadsOfTheCPU(t *testing.T) {
	const n = 64 * 4
	var first []float32
	for _, threads := range []string{"1", "3"} {
		s := begin(t, "kernels")
		s.env = []string{"CUDAEMU_THREADS=" + threads}
		s.put("a", floats(n*n, func(i int) float64 { return math.Sin(float64(i)) }))
		s.put("b", floats(n*n, func(i int) float64 { return math.Cos(float64(i)) }))
		s.do("alloc c %d", 4*n*n)
		s.do("launch gemm 4 4 1 256 1 1 0 - p:a p:b p:c i:%d i:%d i:%d", n, n, n)
		s.read("c", 4*n*n)
		s.run()
		c := get[float32](s, "c", n*n)
		if first == nil {
			first = c
		}
		for i := range c {
			if c[i] != first[i] {
				t.Fatalf("c[%d] = %g with %s threads, %g with one", i, c[i], threads, first[i])
			}
		}
	}
}
