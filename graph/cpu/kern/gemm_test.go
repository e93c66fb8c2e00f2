package kern

import (
	"fmt"
	"testing"
)

type gemmCase struct {
	transA, transB bool
	m, n, k        int
	beta           float32
	pad            int // added to every row stride
}

func (c gemmCase) String() string {
	letter := map[bool]string{false: "N", true: "T"}
	return fmt.Sprintf("%s%s %dx%dx%d beta %g pad %d", letter[c.transA], letter[c.transB], c.m, c.n, c.k, c.beta, c.pad)
}

// stored is the shape in memory of op(X) [rows,cols].
func stored(trans bool, rows, cols int) (int, int) {
	if trans {
		return cols, rows
	}
	return rows, cols
}

func gemmCases() []gemmCase {
	var cases []gemmCase
	sizes := []int{1, 7, 17, 63, 65}
	for _, m := range sizes {
		for _, n := range sizes {
			for i, k := range sizes {
				cases = append(cases, gemmCase{transA: (m+n+i)%2 == 1, transB: (n+i)%3 == 1, m: m, n: n, k: k,
					beta: float32((m + k) % 4 / 3), pad: i % 3})
			}
		}
	}
	for _, t := range []int{0, 1, 2, 3} {
		ta, tb := t&1 == 1, t&2 == 2
		cases = append(cases,
			gemmCase{ta, tb, 200, 130, 410, 0, 0},
			gemmCase{ta, tb, 33, 2113, 70, 1, 3},
			gemmCase{ta, tb, 5, 2100, 20, 0, 0},
			gemmCase{ta, tb, 3, 5, 0, 0, 1},
			gemmCase{ta, tb, 3, 5, 0, 1, 1},
			gemmCase{ta, tb, 0, 5, 3, 0, 0},
			gemmCase{ta, tb, 341, 96, 1000, 1, 0},
			gemmCase{ta, tb, 99, 270, 530, float32(t / 2), 1}, // tasks pack their own panels
			gemmCase{ta, tb, 33, 40, 4097, float32(t % 2), 1}) // k is cut
	}
	return cases
}

type gemmData struct {
	a, b, c       *guarded
	lda, ldb, ldc int
}

func newGemmData(c gemmCase) gemmData {
	ar, ac := stored(c.transA, c.m, c.k)
	br, bc := stored(c.transB, c.k, c.n)
	r := newRand(c)
	return gemmData{newGuarded("a", ar*(ac+c.pad)).random(r), newGuarded("b", br*(bc+c.pad)).random(r),
		newGuarded("c", c.m*(c.n+c.pad)).random(r), ac + c.pad, bc + c.pad, c.n + c.pad}
}

// want is the product in float64; outside [m,n] C keeps what it holds.
func (d gemmData) want(c gemmCase) []float64 {
	w := make([]float64, len(d.c.v))
	for i, v := range d.c.v {
		w[i] = float64(v)
	}
	for i := range c.m {
		for j := range c.n {
			s := float64(c.beta) * float64(d.c.v[i*d.ldc+j])
			for k := range c.k {
				ia, ib := i*d.lda+k, k*d.ldb+j
				if c.transA {
					ia = k*d.lda + i
				}
				if c.transB {
					ib = j*d.ldb + k
				}
				s += float64(d.a.v[ia]) * float64(d.b.v[ib])
			}
			w[i*d.ldc+j] = s
		}
	}
	return w
}

func TestGemm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range gemmCases() {
			t.Run(c.String(), func(t *testing.T) {
				d := newGemmData(c)
				want := d.want(c)
				if c.beta == 0 {
					for i := range c.m {
						for j := range c.n {
							d.c.v[i*d.ldc+j] = nan
						}
					}
				}
				s := newGuarded("scratch", GemmScratch(c.transA, c.transB, c.m, c.n, c.k)).poison()
				Gemm(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s.v)
				checkClose(t, "C", d.c.v, want, 4e-6)
				for _, g := range []*guarded{d.a, d.b, d.c, s} {
					g.check(t)
				}
			})
		}
	})
}

// TestGemmThreads holds that the bits do not depend on the number of threads, nor on scratch for fewer workers.
func TestGemmThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []gemmCase{{false, false, 341, 70, 500, 0, 0}, {true, false, 97, 300, 200, 1, 1},
			{false, true, 30, 600, 300, 0, 0}, {true, false, 30, 40, 5000, 1, 0}, {false, false, 130, 2500, 700, 0,
				0}} {
			t.Run(c.String(), func(t *testing.T) {
				var want []float32
				setThreads(t, 1)
				small := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k))
				for _, threads := range []int{1, 2, 3, 8} {
					SetThreads(threads)
					full := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k))
					for _, scratch := range [][]float32{small, full} {
						d := newGemmData(c)
						Gemm(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta,
							scratch)
						if want == nil {
							want = d.c.v
						}
						checkSame(t, fmt.Sprintf("C with %d threads", threads), d.c.v, want)
					}
				}
			})
		}
	})
}

// TestGemmThen holds that every element is finished once, after its sum is complete.
func TestGemmThen(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		setThreads(t, 3)
		for _, c := range []gemmCase{{false, false, 65, 70, 2100, 0, 0}, {false, true, 33, 2113, 70, 1, 3},
			{false, false, 3, 1100, 2000, 0, 0}, {true, false, 33, 40, 4097, 0, 1},
			{false, false, 4200, 33, 20, 0, 0}, {false, false, 3, 5, 0, 0, 1}, {false, false, 200, 300, 60, 1, 0}} {
			t.Run(c.String(), func(t *testing.T) {
				for name, f := range map[string]func(bool, bool, int, int, int, []float32, int, []float32, int,
					[]float32, int, float32, []float32, Finish){"fp32": GemmThen, "bf16": GemmBF16Then} {
					plain, finished := newGemmData(c), newGemmData(c)
					s := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k)+GemmBF16Scratch(c.transA,
						c.transB, c.m, c.n, c.k))
					f(c.transA, c.transB, c.m, c.n, c.k, plain.a.v, plain.lda, plain.b.v, plain.ldb, plain.c.v,
						plain.ldc, c.beta, s, nil)
					f(c.transA, c.transB, c.m, c.n, c.k, plain.a.v, plain.lda, plain.b.v, plain.ldb, finished.c.v,
						plain.ldc, c.beta, s, func(tile []float32, ldc, i0, i1, j0, j1 int) {
							for i := i0; i < i1; i++ {
								for j := j0; j < j1; j++ {
									tile[(i-i0)*ldc+j-j0] += 100
								}
							}
						})
					for i := range c.m {
						for j := range c.n {
							plain.c.v[i*plain.ldc+j] += 100
						}
					}
					checkSame(t, name, finished.c.v, plain.c.v)
				}
			})
		}
	})
}

func TestGemmBatch(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []struct {
			gemmCase
			batch   int
			repeatB bool
		}{
			{gemmCase{false, true, 17, 17, 33, 0, 1}, 37, false},
			{gemmCase{true, false, 8, 40, 65, 1, 0}, 5, true},
			{gemmCase{false, false, 130, 130, 130, 0, 0}, 3, false},
			{gemmCase{false, false, 20, 65, 9, 1, 2}, 1, false},
			{gemmCase{false, false, 20, 65, 9, 1, 2}, 0, false},
		} {
			t.Run(fmt.Sprint(c.batch, " of ", c), func(t *testing.T) {
				r := newRand(c)
				d := newGemmData(c.gemmCase)
				sa, sb, sc := len(d.a.v)+3, len(d.b.v)+5, len(d.c.v)+1
				if c.repeatB {
					sb = 0
				}
				n := max(c.batch, 1)
				a, b, out := newGuarded("a", n*sa).random(r), newGuarded("b", n*sb+len(d.b.v)).random(r),
					newGuarded("c", n*sc).random(r)
				var want []float64
				for _, v := range out.v {
					want = append(want, float64(v))
				}
				for i := range c.batch {
					one := d
					one.a, one.b, one.c = &guarded{v: a.v[i*sa:]}, &guarded{v: b.v[i*sb:]},
						&guarded{v: out.v[i*sc : i*sc+len(d.c.v)]}
					copy(want[i*sc:], one.want(c.gemmCase))
				}
				s := newGuarded("scratch", GemmBatchScratch(c.batch, c.transA, c.transB, c.m, c.n, c.k)).poison()
				GemmBatch(c.batch, c.transA, c.transB, c.m, c.n, c.k, a.v, d.lda, sa, b.v, d.ldb, sb, out.v, d.ldc, sc,
					c.beta, s.v)
				checkClose(t, "C", out.v, want, 4e-6)
				for _, g := range []*guarded{a, b, out, s} {
					g.check(t)
				}
			})
		}
	})
}

func TestGemmAllocatesNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []gemmCase{{false, false, 20, 20, 20, 0, 0}, {false, true, 300, 300, 300, 0, 0},
			{true, false, 300, 70, 300, 0, 0}, {true, false, 64, 64, 5000, 0, 0}} {
			d := newGemmData(c)
			s := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k))
			if n := testing.AllocsPerRun(10, func() {
				Gemm(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s)
			}); n != 0 {
				t.Errorf("%v: %g allocations, want 0", c, n)
			}
		}
		c := gemmCase{false, true, 17, 17, 17, 0, 0}
		d := newGemmData(c)
		s := make([]float32, GemmBatchScratch(64, false, true, 17, 17, 17))
		out := make([]float32, 64*17*17)
		if n := testing.AllocsPerRun(10, func() {
			GemmBatch(64, false, true, 17, 17, 17, d.a.v, 17, 0, d.b.v, 17, 0, out, 17, 17*17, 0, s)
		}); n != 0 {
			t.Errorf("GemmBatch: %g allocations, want 0", n)
		}
	})
}

func TestGemmRefuses(t *testing.T) {
	s := make([]float32, GemmScratch(false, false, 4, 4, 4))
	x := make([]float32, 16)
	for name, f := range map[string]func(){
		"short A":       func() { Gemm(false, false, 4, 4, 4, x[:15], 4, x, 4, x, 4, 0, s) },
		"short C":       func() { Gemm(false, false, 4, 4, 4, x, 4, x, 4, x[:12], 4, 0, s) },
		"narrow stride": func() { Gemm(false, true, 4, 4, 4, x, 4, x, 3, x, 4, 0, s) },
		"beta":          func() { Gemm(false, false, 4, 4, 4, x, 4, x, 4, x, 4, 0.5, s) },
		"no scratch":    func() { Gemm(false, false, 4, 4, 4, x, 4, x, 4, x, 4, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		})
	}
}

// BenchmarkGemm is the table of shapes training meets: squares, projectors, ViT-Tiny and its attention. bench/gemm.sh
// reads it.
func BenchmarkGemm(b *testing.B) {
	for _, c := range []gemmCase{
		{m: 256, n: 256, k: 256}, {m: 512, n: 512, k: 512}, {m: 1024, n: 1024, k: 1024}, {m: 2048, n: 2048, k: 2048},
		{m: 512, n: 2048, k: 512}, {m: 512, n: 128, k: 2048}, {transB: true, m: 512, n: 512, k: 128},
		{m: 64, n: 512, k: 512},
		{transA: true, m: 2048, n: 512, k: 512}, {m: 8320, n: 576, k: 192}, {m: 8320, n: 192, k: 192},
		{m: 8320, n: 768, k: 192},
		{m: 8320, n: 192, k: 768}, {transA: true, m: 192, n: 768, k: 8320}, {transB: true, m: 65, n: 65, k: 64},
		{m: 65, n: 64, k: 65},
		// a projector, both ways
		{m: 256, n: 512, k: 512}, {transB: true, m: 256, n: 512, k: 512}, {transA: true, m: 512, n: 512, k: 256},
		{m: 256, n: 512, k: 64}, {transB: true, m: 256, n: 64, k: 512}, {transA: true, m: 64, n: 512, k: 256},
	} {
		b.Run(c.String(), func(b *testing.B) {
			d := newGemmData(c)
			s := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k))
			for b.Loop() {
				Gemm(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s)
			}
			b.ReportMetric(2*float64(c.m)*float64(c.n)*float64(c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
		})
	}
	b.Run("heads 64*3 NT 65x65x64", func(b *testing.B) {
		const heads, t, d = 192, 65, 64
		q, s := make([]float32, heads*t*d), make([]float32, heads*t*t)
		scratch := make([]float32, GemmBatchScratch(heads, false, true, t, t, d))
		for b.Loop() {
			GemmBatch(heads, false, true, t, t, d, q, d, t*d, q, d, t*d, s, t, t*t, 0, scratch)
		}
		b.ReportMetric(2*heads*t*t*d*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
	})
}
