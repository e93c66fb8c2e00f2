package kern

import "math"

// The passes of this file are elementwise with scalars: optimiser steps, moving averages, the passes of a layer norm.
// All slices have at least the length of y, the result, which may be one of the operands.

// rowTable is the assembly of one level; n is a multiple of its lanes, and not 0.
type rowTable struct {
	scale              func(y, x *float32, n uintptr, s float32)
	affine             func(y, x *float32, n uintptr, s, t float32)
	mix, mixSquare     func(y, a, b *float32, n uintptr, s, t float32)
	multiply, subtract func(y, a, b *float32, n uintptr)
	momentum           func(y, m, g, p *float32, n uintptr, mu, ratio, wd float32)
	nesterov           func(y, p, m, g *float32, n uintptr, mu, ratio, wd, lr float32)
	adam               func(y, p, m, v *float32, n uintptr, keep, rate, root, eps float32)
	norm, addNormed    func(y, a, b, c *float32, n uintptr, mean, rstd float32)
	normGrad           func(y, dy, x, gamma *float32, n uintptr, mean, rstd, a, b float32)
	softmaxGrad        func(y, p, d *float32, n uintptr, s, mean float32)
}

// vectors calls f for the parts of n elements that fill vectors, widest first, and returns where the rest begins.
func vectors(n int, f func(t *rowTable, at int, n uintptr)) (at int) {
	for l := active; l > generic; l-- {
		if k := whole(l, n, at); k > 0 {
			f(&rowPasses[l], at, k)
			at += int(k)
		}
	}
	return at
}

// Scale is y = s*x.
func Scale(y, x []float32, s float32) {
	x = x[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) { t.scale(&y[at], &x[at], n, s) })
	for i := at; i < len(y); i++ {
		y[i] = s * x[i]
	}
}

// Affine is y = s*x + t.
func Affine(y, x []float32, s, t float32) {
	x = x[:len(y)]
	at := vectors(len(y), func(tab *rowTable, at int, n uintptr) { tab.affine(&y[at], &x[at], n, s, t) })
	for i := at; i < len(y); i++ {
		y[i] = float32(s*x[i]) + t
	}
}

// Mix is y = s*a + t*b.
func Mix(y, a, b []float32, s, t float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := vectors(len(y), func(tab *rowTable, at int, n uintptr) { tab.mix(&y[at], &a[at], &b[at], n, s, t) })
	for i := at; i < len(y); i++ {
		y[i] = Flush(float32(s*a[i]) + float32(t*b[i]))
	}
}

// MixSquare is y = s*a + t*b*b.
func MixSquare(y, a, b []float32, s, t float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := vectors(len(y), func(tab *rowTable, at int, n uintptr) { tab.mixSquare(&y[at], &a[at], &b[at], n, s, t) })
	for i := at; i < len(y); i++ {
		y[i] = Flush(float32(s*a[i]) + float32(float32(t*b[i])*b[i]))
	}
}

// Multiply is y = a*b.
func Multiply(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) { t.multiply(&y[at], &a[at], &b[at], n) })
	for i := at; i < len(y); i++ {
		y[i] = a[i] * b[i]
	}
}

// Subtract is y = a - b.
func Subtract(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) { t.subtract(&y[at], &a[at], &b[at], n) })
	for i := at; i < len(y); i++ {
		y[i] = a[i] - b[i]
	}
}

// Momentum is y = mu*m + ratio*(g + wd*p): the moment of gradient descent.
func Momentum(y, m, g, p []float32, mu, ratio, wd float32) {
	m, g, p = m[:len(y)], g[:len(y)], p[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.momentum(&y[at], &m[at], &g[at], &p[at], n, mu, ratio, wd)
	})
	for i := at; i < len(y); i++ {
		y[i] = Flush(float32(mu*m[i]) + float32(ratio*(g[i]+float32(wd*p[i]))))
	}
}

// Nesterov is y = p - lr*(ratio*(g + wd*p) + mu*m).
func Nesterov(y, p, m, g []float32, mu, ratio, wd, lr float32) {
	p, m, g = p[:len(y)], m[:len(y)], g[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.nesterov(&y[at], &p[at], &m[at], &g[at], n, mu, ratio, wd, lr)
	})
	for i := at; i < len(y); i++ {
		u := float32(ratio * (g[i] + float32(wd*p[i])))
		y[i] = p[i] - float32(lr*(u+float32(mu*m[i])))
	}
}

// Adam is y = keep*p - rate*m/(root*sqrt(v) + eps).
func Adam(y, p, m, v []float32, keep, rate, root, eps float32) {
	p, m, v = p[:len(y)], m[:len(y)], v[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.adam(&y[at], &p[at], &m[at], &v[at], n, keep, rate, root, eps)
	})
	for i := at; i < len(y); i++ {
		d := float32(root*float32(math.Sqrt(float64(v[i])))) + eps
		y[i] = float32(keep*p[i]) - float32(rate*m[i])/d
	}
}

// Norm is y = (x - mean)*rstd*gamma + beta: a row of a layer norm.
func Norm(y, x, gamma, beta []float32, mean, rstd float32) {
	x, gamma, beta = x[:len(y)], gamma[:len(y)], beta[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.norm(&y[at], &x[at], &gamma[at], &beta[at], n, mean, rstd)
	})
	for i := at; i < len(y); i++ {
		y[i] = float32(float32((x[i]-mean)*rstd)*gamma[i]) + beta[i]
	}
}

// NormGrad is y = rstd*(dy*gamma - a - (x - mean)*b): a row of a layer norm's gradient.
func NormGrad(y, dy, x, gamma []float32, mean, rstd, a, b float32) {
	dy, x, gamma = dy[:len(y)], x[:len(y)], gamma[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.normGrad(&y[at], &dy[at], &x[at], &gamma[at], n, mean, rstd, a, b)
	})
	for i := at; i < len(y); i++ {
		y[i] = rstd * (float32(dy[i]*gamma[i]) - a - float32((x[i]-mean)*b))
	}
}

// AddNormed is y = q + dy*((x - mean)*rstd).
func AddNormed(y, q, dy, x []float32, mean, rstd float32) {
	q, dy, x = q[:len(y)], dy[:len(y)], x[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) {
		t.addNormed(&y[at], &q[at], &dy[at], &x[at], n, mean, rstd)
	})
	for i := at; i < len(y); i++ {
		y[i] = q[i] + float32(dy[i]*float32((x[i]-mean)*rstd))
	}
}

// SoftmaxGrad is y = s*p*(d - mean): a row of a softmax's gradient, p being its result and mean the sum of p*d.
func SoftmaxGrad(y, p, d []float32, s, mean float32) {
	p, d = p[:len(y)], d[:len(y)]
	at := vectors(len(y), func(t *rowTable, at int, n uintptr) { t.softmaxGrad(&y[at], &p[at], &d[at], n, s, mean) })
	for i := at; i < len(y); i++ {
		y[i] = float32(s*p[i]) * (d[i] - mean)
	}
}
