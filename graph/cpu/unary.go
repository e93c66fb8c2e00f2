package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

var unaries = map[string]func(y, x []float32){
	"neg":        func(y, x []float32) { kern.Scale(y, x, -1) },
	"relu":       kern.Relu,
	"exp":        func(y, x []float32) { kern.Exps(y, x, 0) },
	"log":        each(func(x float32) float32 { return float32(math.Log(float64(x))) }),
	"sqrt":       each(sqrt),
	"rsqrt":      each(func(x float32) float32 { return 1 / sqrt(x) }),
	"square":     func(y, x []float32) { kern.Multiply(y, x, x) },
	"abs":        each(func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }),
	"cos":        each(cos),
	"sin":        each(sin),
	"tanh":       each(tanh),
	"sigmoid":    logistic(func(_, s float32) float32 { return s }),
	"softplus":   each(softplus),
	"silu":       logistic(func(x, s float32) float32 { return x * s }),
	"reciprocal": func(y, x []float32) { divSV(y, x, 1) },
	"gelu":       kern.Gelus,
	"gelu_tanh":  each(geluTanh),
}

// unaryGrads are dy times the derivative at v, which is y or x as op.Unaries says.
var unaryGrads = map[string]func(dx, dy, v []float32){
	"neg":  func(dx, dy, _ []float32) { kern.Scale(dx, dy, -1) },
	"relu": kern.ReluGrad,
	"exp":  kern.Multiply,
	"log":  divVV,
	"sqrt": func(dx, dy, y []float32) {
		dy, y = dy[:len(dx)], y[:len(dx)]
		for i := range dx {
			dx[i] = dy[i] * 0.5 / y[i]
		}
	},
	"rsqrt": slope(func(y float32) float32 { return -0.5 * y * y * y }),
	"square": func(dx, dy, x []float32) {
		kern.Multiply(dx, dy, x)
		kern.Scale(dx, dx, 2)
	},
	"abs": slope(func(x float32) float32 {
		return math.Float32frombits(kern.Positive(x)&one | kern.Positive(-x)&minusOne)
	}),
	"cos":        slope(func(x float32) float32 { return -sin(x) }),
	"sin":        slope(cos),
	"tanh":       slope(func(y float32) float32 { return 1 - y*y }),
	"sigmoid":    slope(func(y float32) float32 { return y * (1 - y) }),
	"softplus":   logisticSlope(func(_, s float32) float32 { return s }),
	"silu":       logisticSlope(func(x, s float32) float32 { return s * (1 + x*(1-s)) }),
	"reciprocal": slope(func(y float32) float32 { return -y * y }),
	"gelu":       kern.GeluGrads,
	"gelu_tanh":  slope(geluTanhSlope),
}

// The bits of 1 and -1.
const one, minusOne = 0x3f800000, 0xbf800000

// each makes a loop of a function whose cost is well above a call's.
func each(f func(x float32) float32) func(y, x []float32) {
	return func(y, x []float32) {
		x = x[:len(y)]
		for i := range y {
			y[i] = f(x[i])
		}
	}
}

func slope(f func(v float32) float32) func(dx, dy, v []float32) {
	return func(dx, dy, v []float32) {
		dy, v = dy[:len(dx)], v[:len(dx)]
		for i := range dx {
			dx[i] = dy[i] * f(v[i])
		}
	}
}

// logisticPiece is how many numbers logistic and logisticSlope take at a time.
const logisticPiece = 256

// sigmoidsOf are sigmoids of x in buf.
func sigmoidsOf(buf *[logisticPiece]float32, x []float32) []float32 {
	s := buf[:copy(buf[:], x)]
	sigmoids(s)
	return s
}

// logistic makes a loop of a function of x and s = 1/(1+e^-x).
func logistic(f func(x, s float32) float32) func(y, x []float32) {
	return func(y, x []float32) {
		var buf [logisticPiece]float32
		for len(y) > 0 {
			n := min(len(y), logisticPiece)
			for i, s := range sigmoidsOf(&buf, x[:n]) {
				y[i] = f(x[i], s)
			}
			y, x = y[n:], x[n:]
		}
	}
}

// logisticSlope is dy times a function of v and 1/(1+e^-v).
func logisticSlope(f func(v, s float32) float32) func(dx, dy, v []float32) {
	return func(dx, dy, v []float32) {
		var buf [logisticPiece]float32
		for len(dx) > 0 {
			n := min(len(dx), logisticPiece)
			for i, s := range sigmoidsOf(&buf, v[:n]) {
				dx[i] = dy[i] * f(v[i], s)
			}
			dx, dy, v = dx[n:], dy[n:], v[n:]
		}
	}
}

func bindUnary(c *call) func() {
	fn := c.spec.(op.Unary).Fn
	if y := c.yh; fn == "gelu" && y != nil {
		if x := c.xh[0]; x != nil {
			return sweep(len(y), block, func(from, to int) { kern.GelusHalves(y[from:to], x[from:to]) })
		}
		x := c.x[0]
		return sweep(len(y), block, func(from, to int) { kern.GelusHalf(y[from:to], x[from:to]) })
	}
	f := unaries[fn]
	return passChunks(c, []int{0}, 1, func(y []float32, x [][]float32) { f(y, x[0]) })
}

func bindUnaryGrad(c *call) func() {
	fn := c.spec.(op.UnaryGrad).Fn
	if v := c.xh[1]; fn == "relu" && v != nil && c.xh[0] == nil && c.yh == nil {
		dx, dy := c.y, c.x[0]
		return sweep(len(dx), block, func(from, to int) { kern.ReluGradHalf(dx[from:to], dy[from:to], v[from:to]) })
	}
	f := unaryGrads[fn]
	return passChunks(c, []int{0, 1}, 1, func(dx []float32, x [][]float32) { f(dx, x[0], x[1]) })
}

func bindAffine(c *call) func() {
	o := c.spec.(op.AffineOp)
	a, b, y, x := float32(o.A), float32(o.B), c.y, c.x[0]
	return sweep(len(y), block, func(from, to int) { kern.Affine(y[from:to], x[from:to], a, b) })
}

func bindLeakyRelu(c *call) func() {
	s, y, x := float32(c.spec.(op.LeakyReluOp).Slope), c.y, c.x[0]
	return sweep(len(y), block, func(from, to int) {
		y, x := y[from:to], x[from:to]
		x = x[:len(y)]
		for i, v := range x {
			y[i] = max(v, 0) + s*min(v, 0)
		}
	})
}

func bindLeakyReluGrad(c *call) func() {
	s, dx, dy, x := float32(c.spec.(op.LeakyReluGrad).Slope), c.y, c.x[0], c.x[1]
	return sweep(len(dx), block, func(from, to int) {
		dx, dy, x := dx[from:to], dy[from:to], x[from:to]
		dy, x = dy[:len(dx)], x[:len(dx)]
		for i := range dx {
			m := kern.Positive(x[i])
			dx[i] = math.Float32frombits(math.Float32bits(dy[i])&m | math.Float32bits(s*dy[i])&^m)
		}
	})
}
