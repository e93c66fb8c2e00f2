package kern

import "math"

// Passes with an operand or the result in bfloat16. Their results are those of the same pass over float32 copies, bit
// for bit.

// halfTable is the assembly of AVX-512; other levels have none.
type halfTable struct {
	reluGrad                   func(y, dy *float32, v *uint16, n uintptr)
	scaleShift, scaleShiftRelu func(y *float32, x *uint16, a, b *float32, n uintptr)
	combine                    func(y, p *float32, q *uint16, a, b, c *float32, n uintptr)
	combineRelu                func(y, p *float32, x *uint16, s, t, a, b, c *float32, n uintptr)
	scaleShiftAddReluHalf      func(y, x *uint16, a, b, r *float32, n uintptr)
	scaleShiftAddReluHalves    func(y, x *uint16, a, b *float32, r *uint16, n uintptr)
	combineHalves              func(y *uint16, p *float32, q *uint16, a, b, c *float32, n uintptr)
	combineReluHalves          func(y *uint16, p *float32, x *uint16, s, t, a, b, c *float32, n uintptr)
	gelu                       func(y *uint16, x *float32, n uintptr)
	lookup                     func(y, x, table *uint16, n uintptr)
	lookupTimes                func(y, dy *float32, x *uint16, table *float32, n uintptr)
}

// wholeHalf is the part of n elements that the assembly does.
func wholeHalf(n int) int {
	if active < avx512 {
		return 0
	}
	return n &^ 15
}

// wide is a bfloat16 as a float32.
func wide(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ReluGradHalf is ReluGrad with v in bfloat16.
func ReluGradHalf(dx, dy []float32, v []uint16) {
	dy, v = dy[:len(dx)], v[:len(dx)]
	at := wholeHalf(len(dx))
	if at > 0 {
		halfPasses.reluGrad(&dx[0], &dy[0], &v[0], uintptr(at))
	}
	for i := at; i < len(dx); i++ {
		dx[i] = keep(dy[i], wide(v[i]))
	}
}

// ScaleShiftHalf is ScaleShift with x in bfloat16.
func ScaleShiftHalf(y []float32, x []uint16, a, b []float32, relu bool) {
	x, a, b = x[:len(y)], a[:len(y)], b[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		f := halfPasses.scaleShift
		if relu {
			f = halfPasses.scaleShiftRelu
		}
		f(&y[0], &x[0], &a[0], &b[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		y[i] = float32(wide(x[i])*a[i]) + b[i]
		if relu {
			y[i] = max(y[i], 0)
		}
	}
}

// CombineHalf is Combine with q in bfloat16.
func CombineHalf(y, p []float32, q []uint16, a, b, c []float32) {
	p, q, a, b, c = p[:len(y)], q[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.combine(&y[0], &p[0], &q[0], &a[0], &b[0], &c[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		y[i] = float32(p[i]*a[i]) + float32(wide(q[i])*b[i]) + c[i]
	}
}

// CombineHalves is CombineHalf with the result rounded, in bfloat16.
func CombineHalves(y []uint16, p []float32, q []uint16, a, b, c []float32) {
	p, q, a, b, c = p[:len(y)], q[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.combineHalves(&y[0], &p[0], &q[0], &a[0], &b[0], &c[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		y[i] = RoundBF16(float32(p[i]*a[i]) + float32(wide(q[i])*b[i]) + c[i])
	}
}

// CombineReluHalves is CombineReluHalf with the result rounded, in bfloat16.
func CombineReluHalves(y []uint16, p []float32, x []uint16, s, t, a, b, c []float32) {
	p, x, s, t, a, b, c = p[:len(y)], x[:len(y)], s[:len(y)], t[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.combineReluHalves(&y[0], &p[0], &x[0], &s[0], &t[0], &a[0], &b[0], &c[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		v := wide(x[i])
		m := keep(p[i], float32(v*s[i])+t[i])
		y[i] = RoundBF16(float32(m*a[i]) + float32(v*b[i]) + c[i])
	}
}

// CombineReluHalf is CombineRelu with x in bfloat16.
func CombineReluHalf(y, p []float32, x []uint16, s, t, a, b, c []float32) {
	p, x, s, t, a, b, c = p[:len(y)], x[:len(y)], s[:len(y)], t[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.combineRelu(&y[0], &p[0], &x[0], &s[0], &t[0], &a[0], &b[0], &c[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		v := wide(x[i])
		m := keep(p[i], float32(v*s[i])+t[i])
		y[i] = float32(m*a[i]) + float32(v*b[i]) + c[i]
	}
}

// ScaleShiftAdd is y = x*a + b + r, or max(x*a + b + r, 0).
func ScaleShiftAdd(y, x, a, b, r []float32, relu bool) {
	x, a, b, r = x[:len(y)], a[:len(y)], b[:len(y)], r[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			f := passes[l].scaleShiftAdd
			if relu {
				f = passes[l].scaleShiftAddRelu
			}
			f(&y[at], &x[at], &a[at], &b[at], &r[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = float32(x[i]*a[i]) + b[i] + r[i]
		if relu {
			y[i] = max(y[i], 0)
		}
	}
}

// ScaleShiftAddReluHalf is ScaleShiftAdd with its ReLU, with x and the rounded result, and maybe r, in bfloat16.
func ScaleShiftAddReluHalf(y, x []uint16, a, b []float32, r Values) {
	x, a, b, r = x[:len(y)], a[:len(y)], b[:len(y)], r.first(len(y))
	at := wholeHalf(len(y))
	switch {
	case at > 0 && r.BF16 != nil:
		halfPasses.scaleShiftAddReluHalves(&y[0], &x[0], &a[0], &b[0], &r.BF16[0], uintptr(at))
	case at > 0:
		halfPasses.scaleShiftAddReluHalf(&y[0], &x[0], &a[0], &b[0], &r.F32[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		v := float32(wide(x[i])*a[i]) + b[i]
		if r.BF16 != nil {
			v += wide(r.BF16[i])
		} else {
			v += r.F32[i]
		}
		y[i] = RoundBF16(max(v, 0))
	}
}

// GelusHalf is Gelus with the rounded result in bfloat16.
func GelusHalf(y []uint16, x []float32) {
	x = x[:len(y)]
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.gelu(&y[0], &x[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		y[i] = RoundBF16(Gelu(x[i]))
	}
}
