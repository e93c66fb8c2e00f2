package kern

import (
	"fmt"
	"math"
	"testing"
)

// rounded is d with operands rounded to bfloat16.
func (d gemmData) rounded() gemmData {
	round := func(g *guarded) *guarded {
		r := newGuarded(g.name, len(g.v))
		for i, v := range g.v {
			r.v[i] = math.Float32frombits(uint32(RoundBF16(v)) << 16)
		}
		return r
	}
	d.a, d.b = round(d.a), round(d.b)
	return d
}

func gemmBF16Cases() []gemmCase {
	cases := gemmCases()
	for i, n := range []int{16, 31, 32, 33} {
		cases = append(cases, gemmCase{i%2 == 0, i < 2, 32 + i, n, 31 + i, float32(i % 2), i})
	}
	return append(cases,
		gemmCase{false, false, 20, 40, 2100, 0, 0},  // two blocks of k
		gemmCase{true, true, 40, 70, 2100, 1, 2},    //
		gemmCase{false, true, 4200, 40, 33, 1, 0},   // rows rounded by each task
		gemmCase{true, false, 4100, 33, 40, 0, 1},   //
		gemmCase{false, false, 3, 1100, 2000, 0, 0}) // two blocks of columns
}

func TestGemmBF16(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range gemmBF16Cases() {
			if chosen == generic && c.m*c.n*c.k > 1<<22 {
				continue
			}
			t.Run(c.String(), func(t *testing.T) {
				d := newGemmData(c)
				want := d.rounded().want(c)
				if c.beta == 0 {
					for i := range c.m {
						for j := range c.n {
							d.c.v[i*d.ldc+j] = nan
						}
					}
				}
				s := newGuarded("scratch", GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k)).poison()
				GemmBF16(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s.v)
				checkClose(t, "C", d.c.v, want, 4e-6)
				for _, g := range []*guarded{d.a, d.b, d.c, s} {
					g.check(t)
				}
			})
		}
	})
}

// TestGemmBF16Threads holds that the bits do not depend on the number of threads, nor on scratch for fewer workers.
func TestGemmBF16Threads(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range []gemmCase{{false, false, 341, 70, 500, 0, 0}, {true, false, 97, 300, 200, 1, 1},
			{false, true, 30, 600, 300, 0, 0}, {true, false, 30, 40, 5000, 1, 0}, {false, false, 4100, 33, 40, 0, 0}} {
			t.Run(c.String(), func(t *testing.T) {
				var want []float32
				setThreads(t, 1)
				small := make([]float32, GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k))
				for _, threads := range []int{1, 2, 3, 8} {
					SetThreads(threads)
					full := make([]float32, GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k))
					for _, scratch := range [][]float32{small, full} {
						d := newGemmData(c)
						GemmBF16(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta,
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

// TestGemmBatchBF16 holds that a batch is its products, bit for bit.
func TestGemmBatchBF16(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range []struct {
			gemmCase
			batch int
		}{
			{gemmCase{false, true, 17, 17, 33, 0, 1}, 37},
			{gemmCase{true, false, 8, 40, 65, 1, 0}, 5},
			{gemmCase{false, false, 130, 130, 130, 0, 0}, 3},
			{gemmCase{false, false, 20, 65, 9, 1, 2}, 1},
			{gemmCase{false, false, 20, 65, 9, 1, 2}, 0},
		} {
			t.Run(fmt.Sprint(c.batch, " of ", c), func(t *testing.T) {
				r := newRand(c)
				d := newGemmData(c.gemmCase)
				sa, sc := len(d.a.v)+3, len(d.c.v)+1
				n := max(c.batch, 1)
				a, out := newGuarded("a", n*sa).random(r), newGuarded("c", n*sc).random(r)
				want := append([]float32(nil), out.v...)
				s := newGuarded("scratch", GemmBatchBF16Scratch(c.batch, c.transA, c.transB, c.m, c.n, c.k)).poison()
				for i := range c.batch {
					one := make([]float32, GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k))
					GemmBF16(c.transA, c.transB, c.m, c.n, c.k, a.v[i*sa:], d.lda, d.b.v, d.ldb, want[i*sc:], d.ldc,
						c.beta, one)
				}
				GemmBatchBF16(c.batch, c.transA, c.transB, c.m, c.n, c.k, a.v, d.lda, sa, d.b.v, d.ldb, 0, out.v, d.ldc,
					sc, c.beta, s.v)
				checkSame(t, "C", out.v, want)
				for _, g := range []*guarded{a, d.b, out, s} {
					g.check(t)
				}
			})
		}
	})
}

func TestGemmBF16AllocatesNothing(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range []gemmCase{{false, false, 20, 20, 20, 0, 0}, {false, true, 200, 200, 200, 0, 0},
			{true, false, 4100, 30, 30, 0, 0}, {true, false, 64, 64, 4096, 0, 0}} {
			d := newGemmData(c)
			s := make([]float32, GemmBF16Scratch(c.transA, c.transB, c.m, c.n, c.k))
			if n := testing.AllocsPerRun(3, func() {
				GemmBF16(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s)
			}); n != 0 {
				t.Errorf("%v: %g allocations, want 0", c, n)
			}
		}
		d := newGemmData(gemmCase{false, true, 17, 17, 17, 0, 0})
		s := make([]float32, GemmBatchBF16Scratch(64, false, true, 17, 17, 17))
		out := make([]float32, 64*17*17)
		if n := testing.AllocsPerRun(3, func() {
			GemmBatchBF16(64, false, true, 17, 17, 17, d.a.v, 17, 0, d.b.v, 17, 0, out, 17, 17*17, 0, s)
		}); n != 0 {
			t.Errorf("GemmBatchBF16: %g allocations, want 0", n)
		}
	})
}

func TestGemmBF16Refuses(t *testing.T) {
	s := make([]float32, GemmBF16Scratch(false, false, 4, 4, 4))
	x := make([]float32, 16)
	for name, f := range map[string]func(){
		"short A":       func() { GemmBF16(false, false, 4, 4, 4, x[:15], 4, x, 4, x, 4, 0, s) },
		"short C":       func() { GemmBF16(false, false, 4, 4, 4, x, 4, x, 4, x[:12], 4, 0, s) },
		"narrow stride": func() { GemmBF16(false, true, 4, 4, 4, x, 4, x, 3, x, 4, 0, s) },
		"beta":          func() { GemmBF16(false, false, 4, 4, 4, x, 4, x, 4, x, 4, 0.5, s) },
		"no scratch":    func() { GemmBF16(false, false, 4, 4, 4, x, 4, x, 4, x, 4, 0, nil) },
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

// BenchmarkGemmBF16 is BenchmarkGemm's table of ViT-Tiny beside float32, at the level in use.
func BenchmarkGemmBF16(b *testing.B) {
	for _, c := range []gemmCase{
		{m: 512, n: 512, k: 512}, {m: 2048, n: 2048, k: 2048}, {m: 64, n: 512, k: 512}, {m: 512, n: 2048, k: 512},
		{transB: true, m: 512, n: 512, k: 128},
		{m: 8320, n: 576, k: 192}, {m: 8320, n: 192, k: 192}, {m: 8320, n: 768, k: 192}, {m: 8320, n: 192, k: 768},
		{transB: true, m: 8320, n: 192, k: 768}, {transA: true, m: 192, n: 768, k: 8320},
	} {
		d := newGemmData(c)
		s := make([]float32, GemmScratch(c.transA, c.transB, c.m, c.n, c.k)+GemmBF16Scratch(c.transA, c.transB, c.m,
			c.n, c.k))
		for name, f := range map[string]func(bool, bool, int, int, int, []float32, int, []float32, int, []float32, int,
			float32, []float32){"fp32": Gemm, "bf16": GemmBF16} {
			b.Run(c.String()+" "+name, func(b *testing.B) {
				for b.Loop() {
					f(c.transA, c.transB, c.m, c.n, c.k, d.a.v, d.lda, d.b.v, d.ldb, d.c.v, d.ldc, c.beta, s)
				}
				b.ReportMetric(2*float64(c.m)*float64(c.n)*float64(c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9,
					"GFLOPS")
			})
		}
	}
}
