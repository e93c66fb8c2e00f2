package kern

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// setLevel switches to a level and back at the end of the test.
func setLevel(t testing.TB, l level) {
	old := chosen
	chosen, active = l, min(l, avx512)
	t.Cleanup(func() { chosen, active = old, min(old, avx512) })
}

// setThreads sets the number of threads and back at the end of the test.
func setThreads(t testing.TB, n int) {
	old := Threads()
	SetThreads(n)
	t.Cleanup(func() { SetThreads(old) })
}

// eachLevel runs f at every level of float32 kernels this machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) { levelsUpTo(t, avx512, f) }

// eachPairLevel runs f at every level this machine has.
func eachPairLevel(t *testing.T, f func(t *testing.T)) { levelsUpTo(t, amx, f) }

func levelsUpTo(t *testing.T, top level, f func(t *testing.T)) {
	for l := range top + 1 {
		if !l.within(detect()) {
			t.Logf("level %s: this machine lacks it", levelNames[l])
			continue
		}
		t.Run(levelNames[l], func(t *testing.T) {
			setLevel(t, l)
			f(t)
		})
	}
}

const (
	guardLen = 40
	guard    = float32(1.2345e30)
)

// guarded is a buffer of n elements with canaries at both ends.
type guarded struct {
	name  string
	whole []float32
	v     []float32
}

func newGuarded(name string, n int) *guarded {
	g := &guarded{name: name, whole: make([]float32, n+2*guardLen)}
	for i := range g.whole {
		g.whole[i] = guard
	}
	g.v = g.whole[guardLen : guardLen+n : guardLen+n]
	return g
}

// random fills with numbers of about unit size.
func (g *guarded) random(r *rand.Rand) *guarded {
	for i := range g.v {
		g.v[i] = float32(r.NormFloat64())
	}
	return g
}

// poison fills with NaN.
func (g *guarded) poison() *guarded {
	for i := range g.v {
		g.v[i] = float32(math.NaN())
	}
	return g
}

func (g *guarded) check(t *testing.T) {
	t.Helper()
	for i := range guardLen {
		if g.whole[i] != guard || g.whole[len(g.whole)-1-i] != guard {
			t.Fatalf("%s: written outside, %d elements from an end: %g, %g", g.name, guardLen-i, g.whole[i],
				g.whole[len(g.whole)-1-i])
		}
	}
}

// newRand is seeded by the words of a case.
func newRand(words ...any) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, b := range []byte(fmt.Sprint(words...)) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(h, 1))
}

// float64s is x, exactly.
func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// checkClose fails where got differs from want by more than tol times the largest |want|.
func checkClose(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	top := 1e-30
	for _, w := range want {
		top = max(top, math.Abs(w))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= tol*top) {
			t.Fatalf("%s: element %d is %g, want %g; off by %.2g of the largest, %g", what, i, got[i], w, d/top, top)
		}
	}
}

func checkSame(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want the same bits as %v", what, i, got[i], want[i])
		}
	}
}

var nan = float32(math.NaN())
