package kern

import (
	"fmt"
	"math"
	"testing"
	"unsafe"
)

// pairCase is a product of nb blocks of depth k.
type pairCase struct{ m, n, k, nb, add int }

func (c pairCase) String() string {
	return fmt.Sprintf("%dx%dx%d blocks %d add %d", c.m, c.n, c.k, c.nb, c.add)
}

func pairCases() []pairCase {
	var cases []pairCase
	for i, m := range []int{1, 7, 15, 16, 17, 31, 32, 33, 63, 65, 100} {
		for j, n := range []int{1, 7, 15, 16, 17, 31, 32} {
			cases = append(cases, pairCase{m, n, 32 * (1 + (i+j)%3), 1 + (i+2*j)%3, (i + j) % 2})
		}
	}
	return append(cases, pairCase{5, 5, 0, 1, 0}, pairCase{40, 20, 0, 1, 1}, pairCase{40, 32, 32, 0, 0},
		pairCase{32, 32, 576, 1, 0})
}

func TestPair(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range pairCases() {
			t.Run(c.String(), func(t *testing.T) {
				r := newRand(c)
				// Rows of A begin at odd elements, 5 beyond a multiple of lines apart; blocks of both lie in reverse.
				rs, bs := 2*(c.k+5), 4*pairColumns+16
				sizeA, sizeB := c.m*rs/2+3, c.k/2*bs/2+2
				a := newGuarded("a", ceil(max(c.nb, 1)*sizeA+1, 2))
				b := newGuarded("b", ceil(max(c.nb, 1)*sizeB, 2))
				out := newGuarded("c", c.m*(c.n+3)).random(r)
				av, bv := bf16s(a.v), bf16s(b.v)
				for _, s := range [][]uint16{av, bv} {
					for i := range s {
						s[i] = RoundBF16(float32(r.NormFloat64()))
					}
				}
				aoff, boff := make([]uintptr, c.nb+1), make([]uintptr, c.nb+1)
				for q := range c.nb {
					aoff[q], boff[q] = uintptr(2*sizeA*(c.nb-1-q)), uintptr(2*sizeB*(c.nb-1-q))
				}
				want := make([]float64, len(out.v))
				for i, v := range out.v {
					want[i] = float64(v)
				}
				for i := range c.m {
					for j := range c.n {
						s := float64(c.add) * float64(out.v[i*(c.n+3)+j])
						for q := range c.nb {
							for k := range c.k {
								x := av[1+int(aoff[q])/2+i*rs/2+k]
								y := bv[int(boff[q])/2+k/2*bs/2+2*j+k%2]
								s += bf16Value(x) * bf16Value(y)
							}
						}
						want[i*(c.n+3)+j] = s
						if c.add == 0 {
							out.v[i*(c.n+3)+j] = nan
						}
					}
				}
				p := pair{tile: tile{c: unsafe.Pointer(&out.v[0]), ldc: bytes(c.n + 3), a: unsafe.Pointer(&av[1]),
					rs: uintptr(rs),
					b:  ptr(b.v, 0), bs: uintptr(bs), add: uintptr(c.add), nb: uintptr(c.nb), aoff: &aoff[0],
					boff: &boff[0]}}
				p.depth(c.k)
				p.columns(c.n)
				p.run(c.m)
				checkClose(t, "C", out.v, want, 2e-6)
				for _, g := range []*guarded{a, b, out} {
					g.check(t)
				}
			})
		}
	})
}

func bf16Value(v uint16) float64 { return float64(math.Float32frombits(uint32(v) << 16)) }

// TestPairRowsAlone holds that a row's and a column's sums are the same in products of any size.
func TestPairRowsAlone(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		const m, n, k = 45, 32, 96
		r := newRand("rows alone")
		a, b := make([]uint16, m*k), make([]uint16, n*k)
		for _, s := range [][]uint16{a, b} {
			for i := range s {
				s[i] = RoundBF16(float32(r.NormFloat64()))
			}
		}
		product := func(i, rows, cols int) []float32 {
			c := make([]float32, rows*cols)
			p := pair{tile: tile{c: ptr(c, 0), ldc: bytes(cols), a: unsafe.Pointer(&a[i*k]), rs: 2 * k,
				b: unsafe.Pointer(&b[0]), bs: 4 * n}}
			p.single()
			p.depth(k)
			p.columns(cols)
			p.run(rows)
			return c
		}
		whole := product(0, m, n)
		for _, cols := range []int{1, 9, 16, 31} {
			for i := range m {
				one := product(i, 1, cols)
				checkSame(t, fmt.Sprintf("row %d with %d columns", i, cols), one, whole[i*n:i*n+cols])
			}
		}
	})
}

func TestPairAllocatesNothing(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		c, a, b := make([]float32, 45*20), make([]float32, 45*32), make([]float32, 32*32)
		if n := testing.AllocsPerRun(10, func() {
			p := pair{tile: tile{c: ptr(c, 0), ldc: bytes(20), a: ptr(a, 0), rs: 128, b: ptr(b, 0), bs: 128}}
			p.single()
			p.depth(64)
			p.columns(20)
			p.run(45)
		}); n != 0 {
			t.Errorf("%g allocations, want 0", n)
		}
	})
}
