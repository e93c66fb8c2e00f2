package kern

import (
	"math"
	"testing"
)

// Subnormal operands and results are exactly 0 to the assembly, and subnormal arithmetic works again in Go's code
// behind it.
func TestFlush(t *testing.T) {
	const n = 64 // a multiple of every vector
	fill := func(n int, v float32) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = v
		}
		return s
	}
	product := func(a, b float32) []float32 {
		y := fill(n*n, nan)
		Gemm(false, false, n, n, n, fill(n*n, a), n, fill(n*n, b), n, y, n, 0,
			make([]float32, GemmScratch(false, false, n, n, n)))
		return y
	}
	direct, depth := conv(1, 8, 8, n, n, 3, 1, 1, 1, 1), conv(1, 8, 8, n, n, 3, 1, 1, 1, n)
	direct.Algorithm = Direct
	winograd := direct
	winograd.Algorithm = Winograd
	forward := func(c Conv, x, w float32) []float32 {
		y := fill(c.B*c.OH*c.OW*c.Co, nan)
		c.Forward(fill(c.B*c.H*c.W*c.Ci, x), fill(c.weights(), w), y, make([]float32, c.ForwardScratch()))
		return y
	}
	weights := func(c Conv, x, dy float32) []float32 {
		dw := fill(c.weights(), nan)
		c.BackwardWeights(fill(c.B*c.H*c.W*c.Ci, x), fill(c.B*c.OH*c.OW*c.Co, dy), dw,
			make([]float32, c.BackwardWeightsScratch()))
		return dw
	}
	pass := func(f func(y []float32)) []float32 {
		y := fill(n, nan)
		f(y)
		return y
	}
	sums := func(f func(s, q []float64)) (y []float32) {
		var s, q [n]float64
		f(s[:], q[:])
		for i := range s {
			y = append(y, float32(s[i]), float32(q[i]))
		}
		return y
	}
	const sub, tiny = 1e-40, 1e-20
	zeros, ones := fill(n, 0), fill(n, 1)
	cases := []struct {
		name string
		f    func() []float32
	}{
		{"Gemm, operand", func() []float32 { return product(sub, 1) }},
		{"Gemm, result", func() []float32 { return product(tiny, tiny) }},
		{"direct, operand", func() []float32 { return forward(direct, 1, sub) }},
		{"direct, result", func() []float32 { return forward(direct, tiny, tiny) }},
		{"direct weights, operand", func() []float32 { return weights(direct, 1, sub) }},
		{"direct weights, result", func() []float32 { return weights(direct, tiny, tiny) }},
		{"Winograd, operand", func() []float32 { return forward(winograd, sub, 1) }},
		{"Winograd, result", func() []float32 { return forward(winograd, tiny, tiny) }},
		{"Winograd weights, operand", func() []float32 { return weights(winograd, sub, 1) }},
		{"Winograd weights, result", func() []float32 { return weights(winograd, tiny, tiny) }},
		{"depthwise, operand", func() []float32 { return forward(depth, sub, 1) }},
		{"depthwise, result", func() []float32 { return forward(depth, tiny, tiny) }},
		{"addTo", func() []float32 {
			return pass(func(y []float32) { copy(y, fill(n, sub)); addTo(y, fill(n, sub)) })
		}},
		{"Relu", func() []float32 { return pass(func(y []float32) { Relu(y, fill(n, sub)) }) }},
		{"Add", func() []float32 { return pass(func(y []float32) { Add(y, fill(n, sub), fill(n, sub)) }) }},
		{"AddRelu", func() []float32 { return pass(func(y []float32) { AddRelu(y, fill(n, sub), fill(n, sub)) }) }},
		{"ScaleShift", func() []float32 {
			return pass(func(y []float32) { ScaleShift(y, fill(n, tiny), fill(n, tiny), zeros, false) })
		}},
		{"Combine", func() []float32 {
			return pass(func(y []float32) { Combine(y, fill(n, sub), fill(n, sub), ones, ones, zeros) })
		}},
		{"Gelus", func() []float32 { return pass(func(y []float32) { Gelus(y, fill(n, sub)) }) }},
		{"GeluGrads", func() []float32 { return pass(func(y []float32) { GeluGrads(y, fill(n, sub), ones) }) }},
		{"Mix", func() []float32 { return pass(func(y []float32) { Mix(y, fill(n, sub), fill(n, tiny), 1, tiny) }) }},
		{"MixSquare", func() []float32 { return pass(func(y []float32) { MixSquare(y, zeros, fill(n, tiny), 1, 1) }) }},
		{"Momentum", func() []float32 {
			return pass(func(y []float32) { Momentum(y, fill(n, tiny), zeros, zeros, tiny, 1, 0) })
		}},
		{"Sum", func() []float32 { return []float32{float32(Sum(fill(n, sub)))} }},
		{"Dot", func() []float32 { return []float32{float32(Dot(fill(n+3, tiny), fill(n+3, tiny)))} }},
		{"AddColumns", func() []float32 {
			return sums(func(s, _ []float64) { AddColumns(s, fill(n, sub), n, 0, 1, 0, n) })
		}},
		{"AddSpread", func() []float32 {
			return sums(func(s, q []float64) { AddSpread(s, q, fill(n, sub), zeros, n, 0, 1, 0, n) })
		}},
		{"AddCentred", func() []float32 {
			return sums(func(s, q []float64) { AddCentred(s, q, fill(n, sub), ones, zeros, n, 0, 1, 0, n) })
		}},
	}
	eachLevel(t, func(t *testing.T) {
		if active <= neon {
			t.Skip("plain Go and NEON keep subnormal numbers")
		}
		for _, c := range cases {
			for i, v := range c.f() {
				if v != 0 {
					t.Errorf("%s: element %d is %g, want 0", c.name, i, v)
					break
				}
			}
			if v := float32(tiny); v*v == 0 {
				t.Errorf("%s: 1e-20 squared is 0 afterwards, want 1e-40", c.name)
			}
		}
	})
	for _, c := range []struct{ x, want float32 }{{sub, 0}, {-sub, 0}, {0, 0}, {1.2e-38, 1.2e-38}, {-3, -3},
		{float32(math.Inf(1)), float32(math.Inf(1))}} {
		if got := Flush(c.x); got != c.want {
			t.Errorf("Flush(%g) is %g, want %g", c.x, got, c.want)
		}
	}
}
