package evaluate

import (
	"context"
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

// memory is how many steps L-BFGS remembers.
const memory = 10

// minimise finds the minimum of a smooth convex function from x by L-BFGS (Liu and Nocedal 1989, doi:10.1007/BF01589116) with the weak Wolfe
// line search by bisection of Lewis and Overton 2013, doi:10.1007/s10107-012-0514-2, alg. 2.6. f returns the value and fills the
// gradient, which are wanted together here. It ends when the largest entry of the gradient is at most tolerance, after a number of
// iterations, or where rounding leaves no lower point along the direction.
func minimise(ctx context.Context, f func(x, grad []float64) float64, x []float64, iterations int, tolerance float64) (minimum, error) {
	n := len(x)
	grad, next, nextGrad, dir := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	m := minimum{x: x, value: f(x, grad)}
	var steps, turns [][]float64 // the last changes of x and of the gradient, oldest first
	for {
		if err := ctx.Err(); err != nil {
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
		value, ok, err := search(ctx, f, m, grad, dir, t, next, nextGrad)
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

// search finds a step along dir that lowers the value enough (Armijo, 1e-4) and flattens the slope enough (0.9), so that step and turn have a
// positive product. It leaves the point and its gradient in next and nextGrad.
func search(ctx context.Context, f func(x, grad []float64) float64, m minimum, grad, dir []float64, t float64, next, nextGrad []float64) (value float64, ok bool, err error) {
	slope := floats.Dot(grad, dir)
	lo, hi := 0.0, math.Inf(1)
	for range 40 {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		floats.AddScaledTo(next, m.x, t, dir)
		value := f(next, nextGrad)
		switch {
		case !(value <= m.value+1e-4*t*slope): // NaN counts as too far
			hi = t
		case floats.Dot(nextGrad, dir) < 0.9*slope:
			lo = t
		default:
			return value, true, nil
		}
		if t = 2 * lo; !math.IsInf(hi, 1) {
			t = (lo + hi) / 2
		}
	}
	return 0, false, nil
}
