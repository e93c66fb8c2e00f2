package kern

import (
	"fmt"
	"math"
	"testing"
)

// rowLengths are around all vector widths and around the terms that are added in float32.
var rowLengths = []int{1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65, 100, 1003, few, few + 1, 3*few - 5}

// Sums along a row have the bits of plain Go at every level, are close to float64's, read nothing outside, and allocate
// nothing.
func TestRowSums(t *testing.T) {
	const mean, wd = 0.25, 0.5
	sums := func(x, y, z []float32) []float64 {
		s := []float64{Sum(x), Dot(x, y), Spread(x, mean)}
		a, b := Slopes(x, y, z, mean)
		c, d, e := Norms(x, y, wd)
		return append(s, a, b, c, d, e, float64(Max(x)))
	}
	for _, n := range rowLengths {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRand(n)
			x, y, z := newGuarded("x", n).random(r), newGuarded("y", n).random(r), newGuarded("z", n).random(r)
			want := make([]float64, 9)
			want[8] = math.Inf(-1)
			for i := range n {
				a, b, c := float64(x.v[i]), float64(y.v[i]), float64(z.v[i])
				for j, term := range []float64{a, a * b, (a - mean) * (a - mean), a * c, a * c * (b - mean), a * a,
					b * b, (b + wd*a) * (b + wd*a)} {
					want[j] += term
				}
				want[8] = max(want[8], a)
			}
			var first []float64
			eachLevel(t, func(t *testing.T) {
				got := sums(x.v, y.v, z.v)
				if first == nil {
					first = got
				}
				for j, v := range got {
					if math.Float64bits(v) != math.Float64bits(first[j]) {
						t.Fatalf("sum %d is %v, plain Go gives %v", j, v, first[j])
					}
					if !(math.Abs(v-want[j]) <= 1e-6*float64(n)) {
						t.Fatalf("sum %d is %v, want %v", j, v, want[j])
					}
				}
				if n := testing.AllocsPerRun(3, func() {
					Slopes(x.v, y.v, z.v, Max(x.v))
					Norms(x.v, y.v, float32(Sum(z.v)))
				}); n != 0 {
					t.Errorf("%v allocations, want 0", n)
				}
			})
		})
	}
}

func TestMax(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		x    []float32
		want float32
	}{
		{[]float32{-3}, -3}, {[]float32{-3, -1, -2}, -1}, {[]float32{-inf, -inf}, -inf}, {[]float32{nan, -5, nan}, -5},
		{[]float32{-inf, 4, inf}, inf},
		{append(fillOf(20, -7), -6), -6}, {append([]float32{-6}, fillOf(33, -7)...), -6}, {append(fillOf(16, nan), -2),
			-2},
	} {
		eachLevel(t, func(t *testing.T) {
			if got := Max(c.x); got != c.want {
				t.Errorf("Max(%v) is %v, want %v", c.x, got, c.want)
			}
			if got := Max(fillOf(17, nan)); got == got {
				t.Errorf("Max of NaN is %v, want NaN", got)
			}
		})
	}
}

func fillOf(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// Passes allocate nothing: they run inside kernels.
func TestRowPassesAllocate(t *testing.T) {
	x := fillOf(53, 0.5)
	eachLevel(t, func(t *testing.T) {
		if n := testing.AllocsPerRun(3, func() {
			Momentum(x, x, x, x, 0.9, 1, 0.1)
			Adam(x, x, x, x, 0.9, 0.1, 1, 1e-8)
			Norm(x, x, x, x, 0.5, 2)
			Mix(x, x, x, 0.5, 0.5)
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
	})
}

// Rows of a matrix get the bits of each alone, and what lies between them stays.
func TestSoftmaxRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range rowLengths {
			const rows = 3
			ld := n + 5
			x, y := newGuarded("x", rows*ld).random(newRand(n)), newGuarded("y", rows*ld).poison()
			want := append([]float32(nil), y.v...)
			for i := range rows {
				Softmax(want[i*ld:][:n], x.v[i*ld:][:n], 0.3)
			}
			SoftmaxRows(y.v, x.v, ld, rows, n, 0.3)
			sameOrNaN(t, fmt.Sprintf("%d rows of %d", rows, n), y.v, want)
			y.check(t)
		}
	})
}

// Softmax has the bits of its steps, also in place, and makes NaN of what has no softmax.
func TestSoftmax(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, n := range rowLengths {
		for _, special := range [][]float32{nil, {-inf}, {nan}, {inf}, {-1000, 90}, fillOf(n, -inf), fillOf(n, nan)} {
			for _, scale := range []float32{1, 0.125} {
				make := func() *guarded {
					r := newRand(n)
					x := newGuarded("x", n).random(r)
					if len(special) == n {
						copy(x.v, special)
						return x
					}
					for _, v := range special {
						x.v[r.IntN(n)] = v
					}
					return x
				}
				what := fmt.Sprintf("%d elements with %v, scale %v", n, special[:min(len(special), 3)], scale)
				want := newGuarded("want", n)
				var sum float64
				eachLevel(t, func(t *testing.T) {
					x, y := make(), newGuarded("y", n).poison()
					if active == generic {
						softmaxSteps(want.v, x.v, scale)
						for _, v := range want.v {
							sum += float64(v)
						}
					}
					Softmax(y.v, x.v, scale)
					sameOrNaN(t, what, y.v, want.v)
					y.check(t)
					Softmax(x.v, x.v, scale)
					sameOrNaN(t, what+" in place", x.v, want.v)
					x.check(t)
				})
				if special == nil && !(math.Abs(sum-1) <= 1e-5) {
					t.Errorf("%s: the sum is %v, want 1", what, sum)
				}
			}
		}
	}
}
