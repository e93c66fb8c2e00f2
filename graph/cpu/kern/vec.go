package kern

import "math"

// The passes of this file are elementwise. All slices have at least the length of y, the result, which may be one of
// the operands. The plain Go beside them gives the same bits as the assembly.

// passTable is the assembly of one level; n is a multiple of lanes, and not 0.
type passTable struct {
	lanes                                int
	relu                                 func(y, x *float32, n uintptr)
	gelu                                 func(y, x *float32, n uintptr)
	reluGrad, geluGrad, addPass, addRelu func(y, a, b *float32, n uintptr)
	scaleShift, scaleShiftRelu           func(y, x, a, b *float32, n uintptr)
	scaleShiftRows, scaleShiftReluRows   func(y *float32, ldy uintptr, x *float32, ldx uintptr, a, b *float32, m,
		n uintptr)
	scaleShiftAdd, scaleShiftAddRelu func(y, x, a, b, r *float32, n uintptr)
	combine                          func(y, p, q, a, b, c *float32, n uintptr)
	combineRelu                      func(y, p, x, s, t, a, b, c *float32, n uintptr)
}

// whole is the part of n elements from at on that fills vectors of level l.
func whole(l level, n, at int) uintptr { return uintptr((n - at) &^ (passes[l].lanes - 1)) }

// Relu is y = max(x, 0).
func Relu(y, x []float32) {
	x = x[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].relu(&y[at], &x[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = max(x[i], 0)
	}
}

// ReluGrad is dx = dy where v > 0, else 0.
func ReluGrad(dx, dy, v []float32) {
	dy, v = dy[:len(dx)], v[:len(dx)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(dx), at); n > 0 {
			passes[l].reluGrad(&dx[at], &dy[at], &v[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(dx); i++ {
		dx[i] = keep(dy[i], v[i])
	}
}

// keep is x where v > 0, else 0.
func keep(x, v float32) float32 { return math.Float32frombits(math.Float32bits(x) & Positive(v)) }

// Positive is all ones where v > 0, else 0; without a branch, which would be guessed wrong half of the time.
func Positive(v float32) uint32 {
	const inf = 0x7f800000 // above it, less one, are NaN, 0 and whatever has a sign
	return uint32((int64(math.Float32bits(v)-1) - inf) >> 63)
}

// Add is y = a + b.
func Add(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].addPass(&y[at], &a[at], &b[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = a[i] + b[i]
	}
}

// AddRelu is y = max(a + b, 0).
func AddRelu(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].addRelu(&y[at], &a[at], &b[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = max(a[i]+b[i], 0)
	}
}

// ScaleShift is y = x*a + b, or max(x*a + b, 0).
func ScaleShift(y, x, a, b []float32, relu bool) {
	x, a, b = x[:len(y)], a[:len(y)], b[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			f := passes[l].scaleShift
			if relu {
				f = passes[l].scaleShiftRelu
			}
			f(&y[at], &x[at], &a[at], &b[at], n)
			at += int(n)
		}
	}
	if relu {
		for i := at; i < len(y); i++ {
			y[i] = max(float32(x[i]*a[i])+b[i], 0)
		}
		return
	}
	for i := at; i < len(y); i++ {
		y[i] = float32(x[i]*a[i]) + b[i]
	}
}

// scaleShiftRows is ScaleShift of m rows of n elements, ldy and ldx elements apart, with the same a and b for each.
func scaleShiftRows(y []float32, ldy int, x []float32, ldx int, a, b []float32, m, n int, relu bool) {
	if m == 0 || n == 0 {
		return
	}
	_, _, _, _ = y[(m-1)*ldy+n-1], x[(m-1)*ldx+n-1], a[n-1], b[n-1]
	for l := active; l > generic; l-- {
		if lanes := passes[l].lanes; lanes > 0 && n%lanes == 0 {
			f := passes[l].scaleShiftRows
			if relu {
				f = passes[l].scaleShiftReluRows
			}
			f(&y[0], bytes(ldy), &x[0], bytes(ldx), &a[0], &b[0], uintptr(m), uintptr(n))
			return
		}
	}
	for i := range m {
		ScaleShift(y[i*ldy:i*ldy+n], x[i*ldx:], a, b, relu)
	}
}

// Combine is y = p*a + q*b + c.
func Combine(y, p, q, a, b, c []float32) {
	p, q, a, b, c = p[:len(y)], q[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].combine(&y[at], &p[at], &q[at], &a[at], &b[at], &c[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = float32(p[i]*a[i]) + float32(q[i]*b[i]) + c[i]
	}
}

// CombineRelu is Combine of x and of p where x*s + t > 0, else 0: y = p*a + x*b + c.
func CombineRelu(y, p, x, s, t, a, b, c []float32) {
	p, x, s, t, a, b, c = p[:len(y)], x[:len(y)], s[:len(y)], t[:len(y)], a[:len(y)], b[:len(y)], c[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].combineRelu(&y[at], &p[at], &x[at], &s[at], &t[at], &a[at], &b[at], &c[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		m := keep(p[i], float32(x[i]*s[i])+t[i])
		y[i] = float32(m*a[i]) + float32(x[i]*b[i]) + c[i]
	}
}

// Exps is y = e^(x - top) by Exp.
func Exps(y, x []float32, top float32) {
	x = x[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			exps(l, &y[at], &x[at], n, top)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = Exp(x[i] - top)
	}
}

// Gelus is y = Gelu(x).
func Gelus(y, x []float32) {
	x = x[:len(y)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(y), at); n > 0 {
			passes[l].gelu(&y[at], &x[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(y); i++ {
		y[i] = Gelu(x[i])
	}
}

// GeluGrads is dx = dy times the derivative of Gelu at x.
func GeluGrads(dx, dy, x []float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	at := 0
	for l := active; l > generic; l-- {
		if n := whole(l, len(dx), at); n > 0 {
			passes[l].geluGrad(&dx[at], &dy[at], &x[at], n)
			at += int(n)
		}
	}
	for i := at; i < len(dx); i++ {
		dx[i] = Flush(dy[i] * geluSlope(x[i]))
	}
}

// Transpose writes dst[j*ldd+i] = src[i*lds+j] for i < m, j < n. It moves bits, whatever they mean.
func Transpose(dst []float32, ldd int, src []float32, lds int, m, n int) {
	transpose(dst, ldd, src, lds, m, n)
}
