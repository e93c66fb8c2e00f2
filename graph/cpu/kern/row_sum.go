package kern

import "math"

// few is how many terms of a sum along a row are added in float32, in rowLanes lanes, before the sum moves on to
// float64.
const (
	few      = 1024
	rowLanes = 16
)

// Sum is the sum of x.
func Sum(x []float32) (s float64) {
	for ; len(x) > few; x = x[few:] {
		s += float64(rowSum(x[:few]))
	}
	if len(x) > 0 {
		s += float64(rowSum(x))
	}
	return s
}

// Dot is the sum of the products of x and y [len(x)].
func Dot(x, y []float32) (s float64) {
	y = y[:len(x)]
	for ; len(x) > few; x, y = x[few:], y[few:] {
		s += float64(rowDot(x[:few], y[:few]))
	}
	if len(x) > 0 {
		s += float64(rowDot(x, y))
	}
	return s
}

// Spread is the sum of (x - mean)^2.
func Spread(x []float32, mean float32) (s float64) {
	for ; len(x) > few; x = x[few:] {
		s += float64(rowSpread(x[:few], mean))
	}
	if len(x) > 0 {
		s += float64(rowSpread(x, mean))
	}
	return s
}

// Slopes are the sums of dy*gamma and of dy*gamma*(x - mean), all of one length: what the gradient of a layer norm
// takes from a row.
func Slopes(dy, x, gamma []float32, mean float32) (s, q float64) {
	x, gamma = x[:len(dy)], gamma[:len(dy)]
	for len(dy) > 0 {
		n := min(len(dy), few)
		a, b := rowSlopes(dy[:n], x[:n], gamma[:n], mean)
		s, q = s+float64(a), q+float64(b)
		dy, x, gamma = dy[n:], x[n:], gamma[n:]
	}
	return s, q
}

// Norms are the sums of squares of p, of g [len(p)] and of g + wd*p.
func Norms(p, g []float32, wd float32) (pp, gg, uu float64) {
	g = g[:len(p)]
	for len(p) > 0 {
		n := min(len(p), few)
		a, b, c := rowNorms(p[:n], g[:n], wd)
		pp, gg, uu = pp+float64(a), gg+float64(b), uu+float64(c)
		p, g = p[n:], g[n:]
	}
	return pp, gg, uu
}

// Max is the largest element of x, which is not empty. NaN is passed over, unless there are only NaN.
func Max(x []float32) float32 {
	if m := rowMax(x); !math.IsInf(float64(m), -1) {
		return m
	}
	return x[0]
}

// The functions below are the assembly's: element i is added to lane i%rowLanes, and the lanes are folded in halves.

type lanes [rowLanes]float32

func (a *lanes) fold() float32 {
	for h := rowLanes / 2; h > 0; h /= 2 {
		for i := range h {
			a[i] += a[i+h]
		}
	}
	return a[0]
}

func rowSum16(x []float32) float32 {
	var a lanes
	for i, v := range x {
		a[i%rowLanes] += v
	}
	return a.fold()
}

func rowDot16(x, y []float32) float32 {
	var a lanes
	y = y[:len(x)]
	for i, v := range x {
		a[i%rowLanes] += float32(v * y[i])
	}
	return a.fold()
}

func rowSpread16(x []float32, mean float32) float32 {
	var a lanes
	for i, v := range x {
		d := v - mean
		a[i%rowLanes] += float32(d * d)
	}
	return a.fold()
}

func rowSlopes16(dy, x, gamma []float32, mean float32) (s, q float32) {
	var a, b lanes
	x, gamma = x[:len(dy)], gamma[:len(dy)]
	for i, d := range dy {
		e := float32(d * gamma[i])
		a[i%rowLanes] += e
		b[i%rowLanes] += float32(e * (x[i] - mean))
	}
	return a.fold(), b.fold()
}

func rowNorms16(p, g []float32, wd float32) (pp, gg, uu float32) {
	var a, b, c lanes
	g = g[:len(p)]
	for i, v := range p {
		u := g[i] + float32(wd*v)
		a[i%rowLanes] += float32(v * v)
		b[i%rowLanes] += float32(g[i] * g[i])
		c[i%rowLanes] += float32(u * u)
	}
	return a.fold(), b.fold(), c.fold()
}

func rowMax16(x []float32) float32 {
	var a lanes
	for i := range a {
		a[i] = float32(math.Inf(-1))
	}
	for i, v := range x {
		if v > a[i%rowLanes] {
			a[i%rowLanes] = v
		}
	}
	for h := rowLanes / 2; h > 0; h /= 2 {
		for i := range h {
			if a[i+h] > a[i] {
				a[i] = a[i+h]
			}
		}
	}
	return a[0]
}
