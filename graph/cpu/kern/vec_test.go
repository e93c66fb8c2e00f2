package kern

import (
	"fmt"
	"math"
	"testing"
)

// passCases are the elementwise passes, from operands of one length to y.
var passCases = []struct {
	name     string
	operands int
	f        func(y []float32, in [][]float32)
}{
	{"Relu", 1, func(y []float32, in [][]float32) { Relu(y, in[0]) }},
	{"ReluGrad", 2, func(y []float32, in [][]float32) { ReluGrad(y, in[0], in[1]) }},
	{"Add", 2, func(y []float32, in [][]float32) { Add(y, in[0], in[1]) }},
	{"AddRelu", 2, func(y []float32, in [][]float32) { AddRelu(y, in[0], in[1]) }},
	{"ScaleShift", 3, func(y []float32, in [][]float32) { ScaleShift(y, in[0], in[1], in[2], false) }},
	{"ScaleShift relu", 3, func(y []float32, in [][]float32) { ScaleShift(y, in[0], in[1], in[2], true) }},
	{"ScaleShiftAdd", 4, func(y []float32, in [][]float32) { ScaleShiftAdd(y, in[0], in[1], in[2], in[3], false) }},
	{"ScaleShiftAdd relu", 4, func(y []float32, in [][]float32) { ScaleShiftAdd(y, in[0], in[1], in[2], in[3], true) }},
	{"Combine", 5, func(y []float32, in [][]float32) { Combine(y, in[0], in[1], in[2], in[3], in[4]) }},
	{"CombineRelu", 7, func(y []float32, in [][]float32) {
		CombineRelu(y, in[0], in[1], in[2], in[3], in[4], in[5], in[6])
	}},
	{"Exps", 1, func(y []float32, in [][]float32) { Exps(y, in[0], 0.5) }},
	{"Gelus", 1, func(y []float32, in [][]float32) { Gelus(y, in[0]) }},
	{"GeluGrads", 2, func(y []float32, in [][]float32) { GeluGrads(y, in[0], in[1]) }},
	{"Scale", 1, func(y []float32, in [][]float32) { Scale(y, in[0], -0.7) }},
	{"Affine", 1, func(y []float32, in [][]float32) { Affine(y, in[0], -0.7, 2) }},
	{"Mix", 2, func(y []float32, in [][]float32) { Mix(y, in[0], in[1], 0.9, -0.3) }},
	{"MixSquare", 2, func(y []float32, in [][]float32) { MixSquare(y, in[0], in[1], 0.9, 0.1) }},
	{"Multiply", 2, func(y []float32, in [][]float32) { Multiply(y, in[0], in[1]) }},
	{"Subtract", 2, func(y []float32, in [][]float32) { Subtract(y, in[0], in[1]) }},
	{"Momentum", 3, func(y []float32, in [][]float32) { Momentum(y, in[0], in[1], in[2], 0.9, 0.8, 0.7) }},
	{"Nesterov", 3, func(y []float32, in [][]float32) { Nesterov(y, in[0], in[1], in[2], 0.9, 0.8, 0.7, 0.6) }},
	{"Adam", 3, func(y []float32, in [][]float32) { Adam(y, in[0], in[1], in[2], 0.9, 0.8, 0.7, 0.6) }},
	{"Norm", 3, func(y []float32, in [][]float32) { Norm(y, in[0], in[1], in[2], 0.9, 0.8) }},
	{"NormGrad", 3, func(y []float32, in [][]float32) { NormGrad(y, in[0], in[1], in[2], 0.9, 0.8, 0.7, 0.6) }},
	{"AddNormed", 3, func(y []float32, in [][]float32) { AddNormed(y, in[0], in[1], in[2], 0.9, 0.8) }},
	{"SoftmaxGrad", 2, func(y []float32, in [][]float32) { SoftmaxGrad(y, in[0], in[1], 0.9, 0.8) }},
}

// The assembly of every level gives the bits of plain Go, also in place, for lengths around all vector widths and
// values of all kinds but subnormal.
func TestPasses(t *testing.T) {
	inf := float32(math.Inf(1))
	special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), -86.9, -87.2, -87.4, -200,
		88.3, 88.7, 88.8, 90, 1e30, -13}
	for _, p := range passCases {
		t.Run(p.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 31, 33, 100, 1003} {
				make := func() (in [][]float32, bufs []*guarded) {
					r := newRand(p.name, n)
					for k := range p.operands {
						g := newGuarded(fmt.Sprintf("operand %d", k), n).random(r)
						for i := 0; i < n; i += 3 {
							g.v[i] = special[r.IntN(len(special))]
						}
						in, bufs = append(in, g.v), append(bufs, g)
					}
					return in, bufs
				}
				var want []float32
				eachLevel(t, func(t *testing.T) {
					in, bufs := make()
					y := newGuarded("y", n).poison()
					p.f(y.v, in)
					y.check(t)
					for _, g := range bufs {
						g.check(t)
					}
					if want == nil {
						want = append([]float32{}, y.v...)
					}
					sameOrNaN(t, fmt.Sprintf("%d elements", n), y.v, want)
					for over := range in {
						in, bufs := make()
						p.f(in[over], in)
						bufs[over].check(t)
						sameOrNaN(t, fmt.Sprintf("%d elements over operand %d", n, over), in[over], want)
					}
				})
			}
		})
	}
}

func sameOrNaN(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if g := got[i]; math.Float32bits(g) != math.Float32bits(w) && !(g != g && w != w) {
			t.Fatalf("%s: element %d is %v (%#x), plain Go gives %v (%#x)", what, i, g, math.Float32bits(g), w,
				math.Float32bits(w))
		}
	}
}

func TestColumns(t *testing.T) {
	for _, size := range []struct{ rows, c, row0, row1, col0, col1 int }{
		{1, 1, 0, 1, 0, 1}, {3, 5, 0, 3, 1, 5}, {200, 64, 3, 200, 0, 64}, {129, 37, 0, 129, 0, 37},
		{70, 300, 5, 70, 17, 273}, {64, 12, 0, 64, 0, 12},
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRand(size)
			x, dy := newGuarded("x", size.rows*size.c).random(r), newGuarded("dy", size.rows*size.c).random(r)
			mean := newGuarded("mean", size.c).random(r)
			n := size.col1 - size.col0
			scale, shift := newGuarded("scale", size.c).random(r), newGuarded("shift", size.c).random(r)
			const sums = 7
			want := make([]float64, sums*n)
			for i := size.row0; i < size.row1; i++ {
				for k := range n {
					at := i*size.c + size.col0 + k
					v, d := float64(x.v[at]), float64(dy.v[at])
					c := v - float64(mean.v[size.col0+k])
					kept := d
					if scale.v[size.col0+k]*x.v[at]+shift.v[size.col0+k] <= 0 {
						kept = 0
					}
					for j, term := range []float64{v, c, c * c, d, d * c, kept, kept * c} {
						want[j*n+k] += term
					}
				}
			}
			var first []float64
			eachLevel(t, func(t *testing.T) {
				s, spare := make([]float64, sums*n), make([]float64, 2*n)
				AddColumns(s[:n], x.v, size.c, size.row0, size.row1, size.col0, size.col1)
				AddSpread(s[n:2*n], s[2*n:3*n], x.v, mean.v, size.c, size.row0, size.row1, size.col0, size.col1)
				AddCentred(s[3*n:4*n], s[4*n:5*n], dy.v, x.v, mean.v, size.c, size.row0, size.row1, size.col0,
					size.col1)
				AddCentredRelu(s[5*n:6*n], s[6*n:], dy.v, x.v, mean.v, scale.v, shift.v, size.c, size.row0, size.row1,
					size.col0, size.col1)
				if first == nil {
					first = s
				}
				for i, v := range s {
					if math.Float64bits(v) != math.Float64bits(first[i]) {
						t.Fatalf("sum %d is %v, plain Go gives %v", i, v, first[i])
					}
					if !(math.Abs(v-want[i]) <= 1e-5*float64(size.rows)) {
						t.Fatalf("sum %d is %v, want %v", i, v, want[i])
					}
				}
				if n := testing.AllocsPerRun(3, func() {
					AddSpread(spare[:n], spare[n:], x.v, mean.v, size.c, size.row0, size.row1, size.col0, size.col1)
				}); n != 0 {
					t.Errorf("%v allocations, want 0", n)
				}
			})
		})
	}
}
