package evaluations

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// minimum is where a minimisation ended.
type minimum struct {
	x          []float64
	value      float64
	slope      float64 // the largest entry of the gradient
	iterations int
	converged  bool // slope is within the tolerance
}

// minimisation is a smooth convex function, and how far to go down.
type minimisation struct {
	f     func(x, grad []float64) float64 // returns the value and fills the gradient, which are wanted together
	noise float64                         // relative rounding error of the value
	// multiplies with about the inverse of the Hessian, symmetric and positive; nil: one
	inverse    func(dst, grad []float64)
	iterations int          // at most
	tolerance  float64      // largest entry of the gradient at which it ends
	goOn       func() error // called before every look at f; its error ends it
}

const (
	memory = 20 // steps that L-BFGS remembers
	// of the slope along a direction that a step may leave: less costs more evaluations than it saves steps
	flatness = 0.9
)

// from finds the minimum from x, which it moves, by L-BFGS (Liu and Nocedal 1989, doi:10.1007/BF01589116). It ends
// where the gradient is within the tolerance, after a number of iterations, or where rounding leaves no lower point
// along the direction.
func (d *minimisation) from(x []float64) (minimum, error) {
	n := len(x)
	grad, next, nextGrad, dir := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	if err := d.goOn(); err != nil {
		return minimum{x: x}, err
	}
	m := minimum{x: x, value: d.f(x, grad)}
	p := past{inverse: d.inverse, scratch: make([]float64, n)}
	for {
		m.slope = floats.Norm(grad, math.Inf(1))
		m.converged = m.slope <= d.tolerance
		if m.converged || m.iterations == d.iterations {
			return m, nil
		}
		p.direction(dir, grad)
		if !(floats.Dot(dir, grad) < 0) { // rounding has spoilt what is remembered
			p.forget()
			p.direction(dir, grad)
		}
		t := 1.0
		if len(p.steps) == 0 && d.inverse == nil {
			t = math.Min(1, 1/floats.Norm(grad, 2))
		}
		value, ok, err := d.search(m, grad, dir, t, next, nextGrad)
		if err != nil {
			return m, err
		}
		if !ok {
			if len(p.steps) == 0 {
				return m, nil
			}
			p.forget()
			continue
		}
		p.add(m.x, next, grad, nextGrad)
		copy(m.x, next)
		copy(grad, nextGrad)
		m.value = value
		m.iterations++
	}
}

// past is what L-BFGS remembers of its way.
type past struct {
	inverse      func(dst, grad []float64)
	steps, turns [][]float64 // the last changes of x and of the gradient, oldest first
	scale        float64     // of inverse, by the last of them
	scratch      []float64
}

func (p *past) forget() { p.steps, p.turns = nil, nil }

// add remembers a step, in place of the oldest. A step without a positive product with its turn says nothing of the
// curvature.
func (p *past) add(x, next, grad, nextGrad []float64) {
	step, turn := make([]float64, len(x)), make([]float64, len(x))
	if len(p.steps) == memory {
		step, turn = p.steps[0], p.turns[0]
		p.steps, p.turns = p.steps[1:], p.turns[1:]
	}
	floats.SubTo(step, next, x)
	floats.SubTo(turn, nextGrad, grad)
	product := floats.Dot(step, turn)
	if !(product > 0) {
		p.forget()
		return
	}
	p.steps, p.turns = append(p.steps, step), append(p.turns, turn)
	p.multiply(p.scratch, turn)
	p.scale = product / floats.Dot(turn, p.scratch)
}

// multiply writes inverse times v.
func (p *past) multiply(dst, v []float64) {
	if p.inverse == nil {
		copy(dst, v)
		return
	}
	p.inverse(dst, v)
}

// direction writes minus the inverse Hessian, as the remembered steps see it, times the gradient: the two-loop
// recursion.
func (p *past) direction(dir, grad []float64) {
	q := p.scratch
	copy(q, grad)
	alpha := make([]float64, len(p.steps))
	for i := len(p.steps) - 1; i >= 0; i-- {
		alpha[i] = floats.Dot(p.steps[i], q) / floats.Dot(p.steps[i], p.turns[i])
		floats.AddScaled(q, -alpha[i], p.turns[i])
	}
	p.multiply(dir, q)
	if len(p.steps) > 0 {
		floats.Scale(p.scale, dir)
	}
	for i := range p.steps {
		beta := floats.Dot(p.turns[i], dir) / floats.Dot(p.steps[i], p.turns[i])
		floats.AddScaled(dir, alpha[i]-beta, p.steps[i])
	}
	floats.Scale(-1, dir)
}

// search finds a step along dir that lowers the value enough (Armijo, 1e-4) and flattens the slope enough, so that
// step and turn have a positive product. Where the value no longer tells points apart, because its rounding is larger
// than what the step can gain, the slope alone decides (Hager and Zhang 2005, doi:10.1137/030601880, the approximate
// Wolfe conditions). Along a line a convex function's slope only grows: the step is found as its root, by secants kept
// within the bracket. It leaves the point and its gradient in next and nextGrad.
func (d *minimisation) search(m minimum, grad, dir []float64, t float64, next, nextGrad []float64) (value float64,
	ok bool, err error) {
	start := floats.Dot(grad, dir)
	lo, loSlope := 0.0, start
	hi, hiSlope := math.Inf(1), math.NaN()
	for range 40 {
		if err := d.goOn(); err != nil {
			return 0, false, err
		}
		floats.AddScaledTo(next, m.x, t, dir)
		value := d.f(next, nextGrad)
		slope := floats.Dot(nextGrad, dir)
		switch low := value <= m.value+1e-4*t*start+d.noise*math.Abs(m.value); { // false for NaN, which is too far
		case low && math.Abs(slope) <= -flatness*start:
			return value, true, nil
		case low && slope < 0:
			lo, loSlope = t, slope
		default:
			hi, hiSlope = t, slope
		}
		if math.IsInf(hi, 1) {
			t *= 2
			if s := lo * start / (start - loSlope); s > lo { // where the secant from 0 meets zero
				t = min(max(s, 1.1*lo), 10*lo)
			}
			continue
		}
		t = (lo + hi) / 2
		if s := lo + (hi-lo)*loSlope/(loSlope-hiSlope); hiSlope > 0 && !math.IsInf(hiSlope, 1) {
			t = min(max(s, lo+0.1*(hi-lo)), hi-0.1*(hi-lo))
		}
	}
	return 0, false, nil
}
