package kern

import (
	"fmt"
	"testing"
)

// A block gives the bits of its rows one by one in plain Go, at every level, inside its memory.
func TestNormBlock(t *testing.T) {
	for _, rows := range []int{1, 2, 15, 16} {
		for _, n := range []int{1, 7, 16, 17, 48, 192, 1024, 1040} {
			var want []*guarded
			t.Run(fmt.Sprintf("%dx%d", rows, n), func(t *testing.T) {
				eachLevel(t, func(t *testing.T) {
					r := newRand(rows, n)
					operand := func(name string, n int) *guarded { return newGuarded(name, n).random(r) }
					x, dy, gamma, beta := operand("x", rows*n), operand("dy", rows*n), operand("gamma", n),
						operand("beta", n)
					got := []*guarded{newGuarded("y", rows*n).poison(), newGuarded("dx", rows*n).poison(),
						operand("s", n), operand("q", n)}
					for i := range x.v {
						x.v[i] += 3 // a mean away from 0
					}
					var b NormBlock
					b.Moments(x.v, n, 1e-5)
					b.Norm(got[0].v, x.v, gamma.v, beta.v)
					b.Grad(got[1].v, dy.v, x.v, gamma.v)
					b.Add(got[2].v, got[3].v, dy.v, x.v)
					for _, g := range append([]*guarded{x, dy, gamma, beta}, got...) {
						g.check(t)
					}
					if want == nil {
						want = got
					}
					for i, g := range got {
						checkSame(t, g.name, g.v, want[i].v)
					}
					b.Grad(dy.v, dy.v, x.v, gamma.v) // in place
					checkSame(t, "dx over dy", dy.v, want[1].v)
				})
			})
		}
	}
}

func TestNormBlockAllocatesNothing(t *testing.T) {
	const rows, n = 16, 192
	x, dy, gamma, s, q := make([]float32, rows*n), make([]float32, rows*n), make([]float32, n), make([]float32, n),
		make([]float32, n)
	if k := testing.AllocsPerRun(10, func() {
		var b NormBlock
		b.Moments(x, n, 1e-5)
		b.Norm(x, x, gamma, gamma)
		b.Grad(dy, dy, x, gamma)
		b.Add(s, q, dy, x)
	}); k != 0 {
		t.Errorf("%v allocations, want 0", k)
	}
}
