package kern

import (
	"fmt"
	"testing"
)

// TestGemmHalf holds that operands in bfloat16 give the bits of the same numbers in float32, and a result in bfloat16
// those of the finished one rounded, at any number of threads, inside the result's memory.
func TestGemmHalf(t *testing.T) {
	cases := []gemmCase{{m: 1, n: 1, k: 1}, {m: 3, n: 5, k: 7}, {m: 33, n: 65, k: 64}, {m: 130, n: 200, k: 96},
		{m: 40, n: 31, k: 2081},
		{transA: true, m: 65, n: 70, k: 33}, {transB: true, m: 65, n: 70, k: 33}, {transB: true, m: 35, n: 160, k: 544},
		{transA: true, transB: true, m: 33, n: 31, k: 65},
		{transA: true, m: 40, n: 48, k: 4097}, {m: 4200, n: 33, k: 32}, {m: 5, n: 9, k: 0},
		{m: 300, n: 129, k: 64, pad: 3}}
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range cases {
			if active == generic && c.m*c.n*c.k > 1<<22 {
				continue
			}
			for types := range 8 {
				t.Run(fmt.Sprintf("%v %03b", c, types), func(t *testing.T) {
					testGemmHalf(t, c, types&1 > 0, types&2 > 0, types&4 > 0)
				})
			}
		}
	})
}

func testGemmHalf(t *testing.T, c gemmCase, halfA, halfB, halfC bool) {
	d := newGemmData(c)
	half := func(s []float32, on bool) Values {
		RoundFloats(s)
		if !on {
			return Values{F32: s}
		}
		h := make([]uint16, len(s))
		Round(h, s)
		return Values{BF16: h}
	}
	a, b := half(d.a.v, halfA), half(d.b.v, halfB)
	bias := make([]float32, c.n)
	for j := range bias {
		bias[j] = float32(j%7) - 3
	}
	finish := func(tile []float32, ldc, i0, i1, j0, j1 int) { AddRows(tile, ldc, i1-i0, bias[j0:j1]) }
	want := newGemmData(c).c.v
	s := make([]float32, GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k))
	GemmBF16Then(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, want, d.ldc, 0, s, finish)
	for _, threads := range []int{1, 3} {
		setThreads(t, threads)
		s := newGuarded("scratch", GemmHalfScratch(c.transA, c.transB, c.m, c.n, c.k, halfC)).poison()
		got := newGemmData(c).c
		out := Values{F32: got.v}
		if halfC {
			out = Values{BF16: make([]uint16, len(got.v))}
			Round(out.BF16, got.v)
		}
		GemmHalf(c.transA, c.transB, c.m, c.n, c.k, a, d.lda, b, d.ldb, out, d.ldc, 0, s.v, finish)
		s.check(t)
		got.check(t)
		for i, w := range want {
			if halfC && out.BF16[i] != RoundBF16(w) {
				t.Fatalf("%d threads: element %d is %x, want %v rounded, %x", threads, i, out.BF16[i], w, RoundBF16(w))
			}
		}
		if !halfC {
			checkSame(t, fmt.Sprintf("C with %d threads", threads), got.v, want)
		}
	}
}

func TestAddRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{0, 1, 3} {
			for _, n := range []int{0, 1, 15, 16, 17, 33, 128} {
				r := newRand(m, n)
				ld := n + 2
				c, row := newGuarded("c", max(0, m*ld)).random(r), newGuarded("row", n).random(r)
				want := append([]float32{}, c.v...)
				for i := range m {
					for j := range n {
						want[i*ld+j] += row.v[j]
					}
				}
				AddRows(c.v, ld, m, row.v)
				checkSame(t, fmt.Sprintf("%d rows of %d", m, n), c.v, want)
				c.check(t)
			}
		}
	})
}
