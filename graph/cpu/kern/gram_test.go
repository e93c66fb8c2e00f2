package kern

import (
	"fmt"
	"testing"
)

// TestGram holds that a symmetric product has the bits of the plain one, whatever the number of threads.
func TestGram(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, columns := range []bool{false, true} {
			for _, n := range []int{0, 1, 5, 31, 33, 63, 65, 200, 341} {
				for i, k := range []int{0, 1, 17, 300, 1030} {
					c := gemmCase{transA: columns, transB: !columns, m: n, n: n, k: k, pad: i % 3}
					t.Run(fmt.Sprintf("columns %v, %dx%d", columns, n, k), func(t *testing.T) { testGram(t, c) })
				}
			}
			c := gemmCase{transA: columns, transB: !columns, m: 33, n: 33, k: 4100} // k is cut
			t.Run(fmt.Sprintf("columns %v, deep", columns), func(t *testing.T) { testGram(t, c) })
		}
	})
}

func testGram(t *testing.T, c gemmCase) {
	d := newGemmData(c)
	d.b, d.ldb = d.a, d.lda
	want := d.want(c)
	clear := func() {
		for i := range c.m {
			for j := range c.n {
				d.c.v[i*d.ldc+j] = nan
			}
		}
	}
	clear()
	Gemm(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.a.v, d.lda, d.c.v, d.ldc, 0,
		make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k)))
	plain := append([]float32(nil), d.c.v...)
	for _, threads := range []int{1, 2, 5} {
		setThreads(t, threads)
		clear()
		s := newGuarded("scratch", GramScratch(c.transA, c.n, c.k)).poison()
		Gram(c.transA, c.n, c.k, d.a.v, d.lda, d.c.v, d.ldc, s.v)
		checkClose(t, "C", d.c.v, want, 4e-6)
		checkSame(t, fmt.Sprintf("C with %d threads", threads), d.c.v, plain)
		for _, g := range []*guarded{d.a, d.c, s} {
			g.check(t)
		}
	}
}
