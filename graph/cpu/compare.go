package cpu

import (
	"math"

	"selfsup/graph/op"
)

var comparisons = map[string]arithmetic{
	"less":  {lessVV, lessVS, lessSV},
	"equal": {equalVV, equalVS, equalVS},
	"same":  {sameVV, sameVS, sameVS}, // of the bits of integers
}

func bindCompare(c *call) func() {
	fn := c.spec.(op.Compare).Fn
	if c.xi[0] != nil {
		fn = "same"
	}
	return bindPairs(c, comparisons[fn], c.y, c.bits(0), c.bits(1))
}

// flag is 1 or 0. The compiler makes it of the comparison's flags, without a jump.
func flag(b bool) float32 {
	var bit uint32
	if b {
		bit = 1
	}
	return math.Float32frombits(-bit & one)
}

func lessVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = flag(a[i] < b[i])
	}
}

func lessVS(y, a []float32, b float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = flag(a[i] < b)
	}
}

func lessSV(y, b []float32, a float32) {
	b = b[:len(y)]
	for i := range y {
		y[i] = flag(a < b[i])
	}
}

func equalVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = flag(a[i] == b[i])
	}
}

func equalVS(y, a []float32, b float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = flag(a[i] == b)
	}
}

func sameVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = flag(math.Float32bits(a[i]) == math.Float32bits(b[i]))
	}
}

func sameVS(y, a []float32, b float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = flag(math.Float32bits(a[i]) == math.Float32bits(b))
	}
}

func bindFloat(c *call) func() {
	x, y := c.xi[0], c.y
	return sweep(len(y), block, func(from, to int) {
		y, x := y[from:to], x[from:to]
		for i := range y {
			y[i] = float32(x[i])
		}
	})
}

func bindInt(c *call) func() {
	x, y := c.x[0], c.yi
	return sweep(len(y), block, func(from, to int) {
		y, x := y[from:to], x[from:to]
		for i := range y {
			y[i] = op.IntOf(float64(x[i]))
		}
	})
}
