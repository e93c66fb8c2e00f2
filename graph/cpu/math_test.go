package cpu

import (
	"math"
	"testing"

	"selfsup/graph/cpu/kern"
)

func TestMath(t *testing.T) {
	cases := []struct {
		name     string
		got      func(float32) float32
		want     func(float64) float64
		from, to float64
		rel, abs float64 // either will do
	}{
		{"exp", kern.Exp, math.Exp, -86.9, 88.7, 2e-7, 0},
		{"tanh", tanh, math.Tanh, -20, 20, 3e-7, 0},
		{"tanh small", tanh, math.Tanh, -1e-3, 1e-3, 2e-7, 0},
		{"sin", sin, math.Sin, -9000, 9000, 0, 2e-7},
		{"cos", cos, math.Cos, -9000, 9000, 0, 2e-7},
		{"sin small", sin, math.Sin, -4, 4, 0, 2e-7},
		{"cos small", cos, math.Cos, -4, 4, 0, 2e-7},
		{"sigmoid", single("sigmoid"), func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -80, 80, 4e-7, 0},
		{"silu", single("silu"), func(x float64) float64 { return x / (1 + math.Exp(-x)) }, -80, 80, 5e-7, 0},
		{"softplus", softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, -80,
			80, 2e-7, 0},
		{"gelu", kern.Gelu, func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }, -15, 15, 3e-7, 6e-7},
		{"gelu's slope", func(x float32) float32 {
			dx := []float32{0}
			kern.GeluGrads(dx, []float32{1}, []float32{x})
			return dx[0]
		}, func(x float64) float64 {
			return 0.5*math.Erfc(-x/math.Sqrt2) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}, -15, 15, 3e-7, 6e-7},
		{"gelu_tanh", geluTanh, func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(geluA*(x+geluB*x*x*x))) },
			-15, 15, 3e-7, 6e-7},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			const steps = 200001
			for i := range steps {
				x := float32(c.from + (c.to-c.from)*float64(i)/(steps-1))
				got, want := float64(c.got(x)), c.want(float64(x))
				if d := math.Abs(got - want); !(d <= c.rel*math.Abs(want) || d <= c.abs) {
					t.Fatalf("%s(%v) is %v, want %v (off by %.2g, relatively %.2g)", c.name, x, got, want, d,
						d/math.Abs(want))
				}
			}
		})
	}
}

func TestMathEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct {
		name    string
		f       func(float32) float32
		x, want float32
	}{
		{"exp", kern.Exp, 0, 1},
		{"exp", kern.Exp, inf, inf},
		{"exp", kern.Exp, -inf, 0},
		{"exp", kern.Exp, 89, inf},
		{"exp", kern.Exp, -88, 0}, // subnormal
		{"exp", kern.Exp, nan, nan},
		{"sin", sin, 0, 0},
		{"sin", sin, inf, nan},
		{"cos", cos, 0, 1},
		{"cos", cos, -inf, nan},
		{"cos", cos, nan, nan},
		{"tanh", tanh, inf, 1},
		{"tanh", tanh, -inf, -1},
		{"tanh", tanh, nan, nan},
		{"sigmoid", single("sigmoid"), -inf, 0},
		{"sigmoid", single("sigmoid"), inf, 1},
		{"silu", single("silu"), 100, 100},
		{"silu", single("silu"), -100, 0},
		{"gelu", kern.Gelu, 100, 100},
		{"gelu", kern.Gelu, -100, 0},
		{"gelu", kern.Gelu, nan, nan},
		{"softplus", softplus, 200, 200},
		{"softplus", softplus, -200, 0},
	}
	for _, c := range cases {
		got := c.f(c.x)
		if got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("%s(%v) is %v, want %v", c.name, c.x, got, c.want)
		}
	}
	for _, v := range []float32{1, 1e-45, inf} {
		if kern.Positive(v) != math.MaxUint32 || kern.Positive(-v) != 0 {
			t.Errorf("kern.Positive(%v) is %#x, kern.Positive(%v) is %#x; want all ones and 0", v, kern.Positive(v), -v,
				kern.Positive(-v))
		}
	}
	for _, v := range []float32{0, float32(math.Copysign(0, -1))} {
		if kern.Positive(v) != 0 {
			t.Errorf("kern.Positive(%v) is %#x, want 0", v, kern.Positive(v))
		}
	}
}

// single is an operation's kernel on one number, which is the last of more than it takes at a time.
func single(name string) func(float32) float32 {
	x := make([]float32, logisticPiece+1)
	return func(v float32) float32 {
		y := make([]float32, len(x))
		x[logisticPiece] = v
		unaries[name](y, x)
		return y[logisticPiece]
	}
}
