package cpu

import (
	"math"

	"selfsup/graph/op"
)

// rounds reports whether an operation rounds its operands to bfloat16.
func rounds(c *call) bool {
	switch o := c.spec.(type) {
	case op.ConvForward:
		return o.BF16
	case op.ConvBackwardData:
		return o.BF16
	case op.ConvBackwardWeights:
		return o.BF16
	}
	return false
}

// rounding makes a kernel that gives its first n operands to k as copies in bfloat16, where the operation asks for it.
func rounding(n int, k kernel) kernel {
	size := func(c *call, i int) int { return (c.in[i].Shape.Size() + 15) &^ 15 }
	return kernel{
		scratch: func(c *call) int {
			total := k.scratch(c)
			for i := 0; rounds(c) && i < n; i++ {
				total += size(c, i)
			}
			return total
		},
		bind: func(c *call) func() {
			if !rounds(c) {
				return k.bind(c)
			}
			inner, copies := *c, make([]func(), n)
			inner.x = append([][]float32(nil), c.x...)
			for i := range n {
				dst, src := inner.scratch[:len(c.x[i])], c.x[i]
				inner.x[i], inner.scratch = dst, inner.scratch[size(c, i):]
				copies[i] = sweep(len(src), 1<<14, func(from, to int) { roundBF16(dst[from:to], src[from:to]) })
			}
			run := k.bind(&inner)
			return func() {
				for _, f := range copies {
					f()
				}
				run()
			}
		},
	}
}

// roundBF16 writes src to dst, which may be the same, rounded to bfloat16: to the nearest, ties to even.
func roundBF16(dst, src []float32) {
	for i, v := range src {
		b := math.Float32bits(v)
		if v == v {
			b += 0x7fff + b>>16&1
		}
		dst[i] = math.Float32frombits(b &^ 0xffff)
	}
}
