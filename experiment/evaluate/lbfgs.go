package evaluate

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// minimum is where a minimisation ended.
type minimum struct {
	x          []float64
	value      float64
	iterations int
	converged  bool // the largest entry of the gradient is within the tolerance
}

const (
	memory   = 20  // steps that L-BFGS remembers
	flatness = 0.9 // of the slope along a direction that a step may leave: less costs more evaluations than it saves steps
)

// minimise finds the minimum of a smooth convex function from x by L-BFGS (Liu and Nocedal 1989, doi:10.1007/BF01589116). f returns the value
// and fills the gradient, which are wanted together here. It ends when the largest entry of the gradient is at most tolerance, after a
// number of iterations, or where rounding leaves no lower point along the direction. goOn is called before every look at f; its error ends it.
func minimise(goOn func() error, f func(x, grad []float64) float64, x []float64, iterations int, tolerance float64) (minimum, error) {
	n := len(x)
	grad, next, nextGrad, dir := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	m := minimum{x: x, value: f(x, grad)}
	var steps, turns [][]float64 // the last changes of x and of the gradient, oldest first
	for {
		if err := goOn(); err != nil {
			return m, err
		}
		if floats.Norm(grad, math.Inf(1)) <= tolerance {
			m.converged = true
			return m, nil
		}
		if m.iterations == iterations {
			return m, nil
		}
		direction(dir, grad, steps, turns)
		t := 1.0
		if len(steps) == 0 {
			t = math.Min(1, 1/floats.Norm(grad, 2))
		}
		value, ok, err := search(goOn, f, m, grad, dir, t, next, nextGrad)
		if err != nil || !ok {
			return m, err
		}
		step, turn := make([]float64, n), make([]float64, n)
		if len(steps) == memory {
			step, turn = steps[0], turns[0]
			steps, turns = steps[1:], turns[1:]
		}
		floats.SubTo(step, next, m.x)
		floats.SubTo(turn, nextGrad, grad)
		steps, turns = append(steps, step), append(turns, turn)
		copy(m.x, next)
		copy(grad, nextGrad)
		m.value = value
		m.iterations++
	}
}

// direction writes minus the inverse Hessian, as the remembered steps see it, times the gradient: the two-loop recursion.
func direction(dir, grad []float64, steps, turns [][]float64) {
	copy(dir, grad)
	alpha := make([]float64, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		alpha[i] = floats.Dot(steps[i], dir) / floats.Dot(steps[i], turns[i])
		floats.AddScaled(dir, -alpha[i], turns[i])
	}
	if last := len(steps) - 1; last >= 0 {
		floats.Scale(floats.Dot(steps[last], turns[last])/floats.Dot(turns[last], turns[last]), dir)
	}
	for i := range steps {
		beta := floats.Dot(turns[i], dir) / floats.Dot(steps[i], turns[i])
		floats.AddScaled(dir, alpha[i]-beta, steps[i])
	}
	floats.Scale(-1, dir)
}

// search finds a step along dir that lowers the value enough (Armijo, 1e-4) and flattens the slope enough, so that step and turn have a
// positive product. Along a line a convex function's slope only grows: the step is found as its root, by secants kept within the bracket.
// It leaves the point and its gradient in next and nextGrad.
func search(goOn func() error, f func(x, grad []float64) float64, m minimum, grad, dir []float64, t float64, next, nextGrad []float64) (value float64, ok bool, err error) {
	start := floats.Dot(grad, dir)
	lo, loSlope := 0.0, start
	hi, hiSlope := math.Inf(1), math.NaN()
	for range 40 {
		if err := goOn(); err != nil {
			return 0, false, err
		}
		floats.AddScaledTo(next, m.x, t, dir)
		value := f(next, nextGrad)
		slope := floats.Dot(nextGrad, dir)
		switch low := value <= m.value+1e-4*t*start; { // false for NaN, which is too far
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
