package kern

import (
	"fmt"
	"math"
	"testing"
)

// Weights and the gradient by scores are those of float64, also of scores far apart, infinite or NaN; rounded they are
// 0 behind the row.
func TestHeadRows(t *testing.T) {
	inf := float32(math.Inf(1))
	eachPairLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 65, 97} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				h := Head{T: n, D: 8, Step: 24, StepY: 8, Scale: 0.7}
				s := newGuarded("scratch", h.ScratchBF16()).poison()
				b := h.cutBF16(s.v)
				r := newRand(n)
				scores, grads := make([]float32, n*n), make([]float32, n*n)
				for i := range scores {
					scores[i], grads[i] = float32(r.NormFloat64())*float32(i/n), float32(r.NormFloat64())
				}
				for i, v := range []float32{nan, -inf, -1e30, 1e30} {
					if at := i*n + i/2; i < n && n > 2 {
						scores[at] = v
					}
				}
				for i := range n {
					copy(b.p[i*b.tp:], scores[i*n:(i+1)*n])
					copy(b.ds[i*b.tp:], grads[i*n:(i+1)*n])
				}
				for i := 0; i < n; i += 5 {
					b.softmax(i, min(5, n-i), &Operands{})
				}
				rounded := append([]uint16(nil), b.weights...)
				for i := 0; i < n; i += 5 {
					b.softmaxGrad(i, min(5, n-i), &Operands{})
				}
				for i := range n {
					row, d := scores[i*n:(i+1)*n], grads[i*n:(i+1)*n]
					p, ds := make([]float64, n), make([]float64, n)
					top, sum, mean := math.Inf(-1), 0.0, 0.0
					for _, v := range row {
						top = max(top, 0.7*float64(v))
					}
					for j, v := range row {
						p[j] = math.Exp(0.7*float64(v) - top)
						sum += p[j]
					}
					for j := range p {
						p[j] /= sum
						mean += p[j] * float64(d[j])
					}
					got := b.p[i*b.tp:][:n]
					w, g := rounded[i*b.ldw:][:b.tp], b.weights[i*b.ldw:][:b.tp]
					if n > 2 && i == 0 { // the row with a NaN
						if got[0] == got[0] || bf16Value(w[0]) == bf16Value(w[0]) ||
							bf16Value(g[0]) == bf16Value(g[0]) {
							t.Fatalf("a row with NaN has weights %v, %v and gradients %v", got[0], bf16Value(w[0]),
								bf16Value(g[0]))
						}
						continue
					}
					checkClose(t, fmt.Sprintf("weights of row %d", i), got, p, 1e-5)
					value := make([]float32, n)
					for j := range p {
						if w[j] != RoundBF16(got[j]) {
							t.Fatalf("weight %d of row %d is %x, want %v rounded", j, i, w[j], got[j])
						}
						ds[j] = 0.7 * p[j] * (float64(d[j]) - mean)
						value[j] = float32(bf16Value(g[j]))
					}
					for j, want := range ds { // d and its mean have about unit size
						if e := math.Abs(float64(value[j]) - want); !(e <= 4e-3*math.Abs(want)+1e-6) {
							t.Fatalf("gradient %d of row %d is %v, want %v", j, i, value[j], want)
						}
					}
					for j := n; j < b.tp; j++ {
						if w[j]<<1 != 0 || g[j]<<1 != 0 {
							t.Fatalf("row %d: %x and %x behind its end", i, w[j], g[j])
						}
					}
				}
				s.check(t)
			})
		}
	})
}
