//go:build amd64 && !noasm

package raster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// plain runs f without the vector kernels.
func plain(f func()) {
	defer func(a, b bool) { fast, wide = a, b }(fast, wide)
	fast, wide = false, false
	f()
}

// each runs a test at every level of the machine's processor.
func each(t *testing.T, f func(t *testing.T)) {
	defer func(was bool) { wide = was }(wide)
	if wide {
		t.Run("AVX-512", f)
		wide = false
	}
	if !fast {
		t.Skip("this processor has no AVX2")
	}
	t.Run("AVX2", f)
}

// pixels are n values in [0,1]: random ones, and the corners where branches meet: greys, equal channels, 0 and 1.
func pixels(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	p := make([]float32, n)
	for i := range p {
		switch r.IntN(5) {
		case 0:
			p[i] = float32(r.IntN(3)) / 2
		case 1:
			if i > 0 {
				p[i] = p[i-1]
			}
		default:
			p[i] = r.Float32()
		}
	}
	return p
}

func same(t *testing.T, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) {
			t.Fatalf("value %d of %d: got %v, want %v", i, len(want), got[i], w)
		}
	}
}

var lengths = []int{3, 6, 21, 24, 27, 48, 72, 300, 3072, 3075}

// Every kernel gives the bits of the plain Go.
func TestKernelsGiveTheSameBits(t *testing.T) {
	if !fast {
		t.Skip("this processor has no AVX2")
	}
	for name, f := range map[string]func(p []float32, x float32){
		"Scale":     func(p []float32, x float32) { Scale(p, 1.5*x, 0.3-x/2) },
		"Solarize":  func(p []float32, x float32) { Solarize(p, x) },
		"Grayscale": func(p []float32, _ float32) { Grayscale(p) },
		"Saturate":  func(p []float32, x float32) { Saturate(p, 2*x) },
		"Hue":       func(p []float32, x float32) { Hue(p, x-0.5) },
		"Grays":     func(p []float32, _ float32) { Grays(p[:len(p)/3], append([]float32(nil), p...)) },
		"Normalize": func(p []float32, x float32) {
			Normalize(p, []float32{x, 0.5, 0.25}, []float32{1, 2 + x, 4})
		},
		"Normalize grey": func(p []float32, x float32) { Normalize(p, []float32{x}, []float32{2 + x}) },
		"Bytes": func(p []float32, _ float32) {
			b := make([]byte, len(p))
			for i, v := range p {
				b[i] = byte(255*v) + byte(i)
			}
			Bytes(p, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				for _, n := range lengths {
					x := float32(seed) / 40
					got, want := pixels(n, seed), pixels(n, seed)
					f(got, x)
					plain(func() { f(want, x) })
					same(t, got, want)
				}
			}
		})
	}
}

func TestWeighted(t *testing.T) { each(t, testWeighted) }

func testWeighted(t *testing.T) {
	for _, c := range []struct{ n, taps, stride int }{{1, 3, 1}, {7, 1, 7}, {8, 2, 3}, {9, 5, 9}, {15, 3, 15},
		{16, 2, 16}, {17, 3, 1}, {143, 5, 9}, {64, 23, 3}, {100, 4, 100}, {333, 7, 3}, {672, 23, 672}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			from, weight := pixels(c.n+c.stride*c.taps, 3), pixels(c.taps, 5)
			offset := make([]int, c.taps)
			for k := range offset {
				offset[k] = (k * 3 % c.taps) * c.stride
			}
			got, want := make([]float32, c.n+1), make([]float32, c.n+1)
			got[c.n] = 9
			Weighted(got[:c.n], from, offset, weight)
			plain(func() { Weighted(want[:c.n], from, offset, weight) })
			same(t, got[:c.n], want[:c.n])
			if got[c.n] != 9 {
				t.Error("wrote past the end")
			}
			for i := range want[:c.n] {
				var sum float64
				for k, o := range offset {
					sum += float64(weight[k]) * float64(from[o+i])
				}
				if math.Abs(sum-float64(want[i])) > 1e-5 {
					t.Fatalf("value %d: got %v, want %v", i, want[i], sum)
				}
			}
		})
	}
}

func TestAlong(t *testing.T) {
	const most, out, in = 5, 40, 60
	const toRow, fromRow = 3*out + 2, 3*in + 1
	taps := Taps{Most: most, Weight: pixels(most*out, 4)}
	for i := range out {
		taps.Start = append(taps.Start, i*(in-most)/out)
		taps.Count = append(taps.Count, 1+i%most)
	}
	for rows := range 10 {
		from := pixels(rows*fromRow, uint64(rows))
		got, want := make([]float32, rows*toRow+1), make([]float32, rows*toRow)
		got[rows*toRow] = 9
		Along(got, from, rows, toRow, fromRow, &taps)
		plain(func() { Along(want, from, rows, toRow, fromRow, &taps) })
		if got[rows*toRow] != 9 {
			t.Errorf("%d rows: wrote past the end", rows)
		}
		for y := range rows {
			same(t, got[y*toRow:][:3*out], want[y*toRow:][:3*out])
			for i := range out {
				var sum float64
				for k := range taps.Count[i] {
					sum += float64(taps.Weight[i*most+k]) * float64(from[y*fromRow+3*(taps.Start[i]+k)+1])
				}
				if math.Abs(sum-float64(want[y*toRow+3*i+1])) > 1e-5 {
					t.Fatalf("row %d, pixel %d: got %v, want %v", y, i, want[y*toRow+3*i+1], sum)
				}
			}
		}
	}
}

func BenchmarkRaster(b *testing.B) {
	p := pixels(3072, 1)
	for name, f := range map[string]func(){
		"hue": func() { Hue(p, 0.05) }, "saturate": func() { Saturate(p, 1.01) }, "scale": func() {
			Scale(p, 1.001, 0)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
		b.Run(name+"-plain", func(b *testing.B) {
			plain(func() {
				for b.Loop() {
					f()
				}
			})
		})
	}
}
