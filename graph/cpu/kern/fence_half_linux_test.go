package kern

import (
	"fmt"
	"testing"
)

// halves are n numbers in bfloat16 that end where place's memory ends, from those of s.
func halves(place func(n int) []float32, s []float32) []uint16 {
	h := bf16s(place(ceil(len(s), 2)))
	h = h[len(h)-len(s):]
	for i, v := range s {
		h[i] = RoundBF16(v)
	}
	return h
}

// widened are numbers in bfloat16 in float32.
func widened(h []uint16) []float32 {
	s := make([]float32, len(h))
	for i, v := range h {
		s[i] = wide(v)
	}
	return s
}

// Products of operands in bfloat16, of either type in memory, stay inside them.
func TestGemmBF16Fenced(t *testing.T) {
	for _, c := range append(gemmBF16Cases(), gemmCase{m: 65, n: 70, k: 96}, gemmCase{transB: true, m: 33, n: 129,
		k: 64}, gemmCase{transA: true, m: 35, n: 65, k: 70}) {
		if 2*c.m*c.n*c.k > 1<<22 || testing.Short() && 2*c.m*c.n*c.k > 1<<18 {
			continue
		}
		for types := range 8 {
			if types >= 4 && c.beta != 0 {
				continue
			}
			fencedAt(t, eachPairLevel, fmt.Sprintf("%v %03b", c, types), func(place func(n int) []float32) [][]float32 {
				r := newRand(c)
				// The last row of an operand ends at its last column.
				operand := func(rows, cols int, half bool) (Values, int) {
					s := filled(r, make([]float32, max(0, (rows-1)*(cols+c.pad)+cols)))
					if half {
						return Values{BF16: halves(place, s)}, cols + c.pad
					}
					f := place(len(s))
					copy(f, s)
					return Values{F32: f}, cols + c.pad
				}
				ar, ac := stored(c.transA, c.m, c.k)
				br, bc := stored(c.transB, c.k, c.n)
				a, lda := operand(ar, ac, types&1 > 0)
				b, ldb := operand(br, bc, types&2 > 0)
				y, ldc := operand(c.m, c.n, types&4 > 0)
				GemmHalf(c.transA, c.transB, c.m, c.n, c.k, a, lda, b, ldb, y, ldc, c.beta,
					place(GemmHalfScratch(c.transA, c.transB, c.m, c.n, c.k, types&4 > 0)), nil)
				if y.BF16 != nil {
					return [][]float32{widened(y.BF16)}
				}
				return [][]float32{y.F32}
			})
		}
	}
}

// And so do convolutions.
func TestConvBF16Fenced(t *testing.T) {
	for _, c := range bf16Cases() {
		if c = c.defaults(); c.B*c.OH*c.OW*c.weights()/c.Groups > 1<<20 || testing.Short() &&
			c.B*c.OH*c.OW*c.weights()/c.Groups > 1<<16 {
			continue
		}
		for _, half := range []bool{false, true} {
			c.Algorithm, c.HalfX, c.HalfY = Direct, half, half
			fencedAt(t, eachPairLevel, fmt.Sprintf("%s half %v", convName(c), half),
				func(place func(n int) []float32) [][]float32 {
					r := newRand(convName(c))
					operand := func(n int) Values {
						s := filled(r, make([]float32, n))
						if half {
							return Values{BF16: halves(place, s)}
						}
						f := place(n)
						copy(f, s)
						return Values{F32: f}
					}
					x, dy, y := operand(c.B*c.H*c.W*c.Ci), operand(c.B*c.OH*c.OW*c.Co), operand(c.B*c.OH*c.OW*c.Co)
					w := filled(r, place(c.weights()))
					dx, dw := place(x.Len()), place(len(w))
					c.ForwardHalf(x, w, y, place(c.ForwardScratch()))
					c.BackwardDataHalf(dy, w, dx, place(c.BackwardDataScratch()))
					c.BackwardWeightsHalf(x, dy, dw, place(c.BackwardWeightsScratch()))
					if half {
						return [][]float32{widened(y.BF16), dx, dw}
					}
					return [][]float32{y.F32, dx, dw}
				})
		}
	}
}

// And passes with operands in bfloat16, blocks of rows among them.
func TestHalfPassesFenced(t *testing.T) {
	for _, p := range halfPassCases {
		for _, n := range []int{1, 15, 16, 17, 33, 1003} {
			fencedAt(t, eachPairLevel, fmt.Sprint(p.name, " ", n), func(place func(n int) []float32) [][]float32 {
				r := newRand(p.name, n)
				in := make([]Values, len(p.half))
				for k, half := range p.half {
					s := filled(r, make([]float32, n))
					if half {
						in[k].BF16 = halves(place, s)
					} else {
						in[k].F32 = place(n)
						copy(in[k].F32, s)
					}
				}
				if !p.result {
					y := Values{F32: place(n)}
					p.narrow(y, in)
					return [][]float32{y.F32}
				}
				y := Values{BF16: halves(place, make([]float32, n))}
				p.narrow(y, in)
				return [][]float32{widened(y.BF16)}
			})
		}
	}
	for _, n := range []int{1, 16, 17, 48, 192} {
		for _, rows := range []int{1, 5, 16} {
			fenced(t, fmt.Sprintf("block %dx%d", rows, n), func(place func(n int) []float32) [][]float32 {
				r := newRand(rows, n)
				x, dy, gamma, beta := filled(r, place(rows*n)), filled(r, place(rows*n)), filled(r, place(n)),
					filled(r, place(n))
				y, dx, s, q := place(rows*n), place(rows*n), filled(r, place(n)), filled(r, place(n))
				var b NormBlock
				b.Moments(x, n, 1e-5)
				b.Norm(y, x, gamma, beta)
				b.Grad(dx, dy, x, gamma)
				b.Add(s, q, dy, x)
				half, back := halves(place, make([]float32, rows*n)), place(rows*n)
				Round(half, y)
				Widen(back, half)
				AddRows(back, n, rows, gamma)
				return [][]float32{y, dx, s, q, back}
			})
		}
	}
}
