package evaluations

import (
	"math"

	"selfsup/graph/device"
)

// softmax is the objective of a linear classifier over some rows of a training set. Parameters are one slice: W [C,F],
// then b [C].
type softmax struct {
	f     Features
	rows  []int // of the training set
	l2    float64
	mean  []float64 // [F], of the rows
	scale []float64 // [F], what a centred feature is multiplied with

	rest   []float64 // [rows,C]: probabilities minus one-hot labels, over the number of rows
	losses []float64 // [rows]

	fast *products  // nil for problems that are small enough for float64 throughout
	bend *curvature // nil for those
}

func newSoftmax(f Features, rows []int, l2 float64) *softmax {
	s := &softmax{
		f: f, rows: rows, l2: l2,
		mean: make([]float64, f.Dim), scale: make([]float64, f.Dim),
		rest: make([]float64, len(rows)*f.Classes), losses: make([]float64, len(rows)),
	}
	for j := range s.scale {
		s.scale[j] = 1
	}
	return s
}

// size is the number of parameters.
func (s *softmax) size() int { return (s.f.Dim + 1) * s.f.Classes }

// standardize takes mean and scale from the rows: variance over N, features that never vary are only centred, as
// scikit-learn's StandardScaler does.
func (s *softmax) standardize() {
	n := float64(len(s.rows))
	device.Parallel(chunks(s.f.Dim), func(task int) {
		lo, hi := task*chunk, min((task+1)*chunk, s.f.Dim)
		var sums [2][chunk]float64
		for _, i := range s.rows {
			for j, v := range s.f.TrainX[i*s.f.Dim+lo : i*s.f.Dim+hi] {
				sums[0][j] += float64(v)
			}
		}
		for j := range hi - lo {
			s.mean[lo+j] = sums[0][j] / n
		}
		for _, i := range s.rows {
			for j, v := range s.f.TrainX[i*s.f.Dim+lo : i*s.f.Dim+hi] {
				d := float64(v) - s.mean[lo+j]
				sums[1][j] += d * d
			}
		}
		for j := range hi - lo {
			// What is left of a constant is rounding: below this it has no variance to speak of.
			if v := sums[1][j] / n; v > 1e-24*s.mean[lo+j]*s.mean[lo+j] {
				s.scale[lo+j] = 1 / math.Sqrt(v)
			}
		}
	})
}

// Work is cut by shape: logits and losses by rows, the gradient by features, so that every sum runs in one order.
const (
	softmaxRows = 64
	chunk       = 32
)

func chunks(dim int) int { return (dim + chunk - 1) / chunk }

// take writes features lo to hi of a row into x, standardised.
func (s *softmax) take(x []float64, row []float32, lo, hi int) {
	mean, scale := s.mean[lo:hi], s.scale[lo:hi]
	x = x[:len(mean)]
	for j, v := range row[lo:hi] {
		x[j] = (float64(v) - mean[j]) * scale[j]
	}
}

// logits writes W x + b.
func (s *softmax) logits(out, params, x []float64) {
	dim, classes := s.f.Dim, s.f.Classes
	copy(out, params[dim*classes:])
	c := 0
	for ; c+4 <= classes; c += 4 {
		w0, w1, w2, w3 := params[c*dim:][:dim], params[(c+1)*dim:][:dim], params[(c+2)*dim:][:dim],
			params[(c+3)*dim:][:dim]
		var a0, a1, a2, a3 float64
		for j, v := range x[:dim] {
			a0 += w0[j] * v
			a1 += w1[j] * v
			a2 += w2[j] * v
			a3 += w3[j] * v
		}
		out[c] += a0
		out[c+1] += a1
		out[c+2] += a2
		out[c+3] += a3
	}
	for ; c < classes; c++ {
		var a float64
		for j, v := range params[c*dim:][:dim] {
			a += v * x[j]
		}
		out[c] += a
	}
}

// start returns parameters of zero, and prepares the products of a large problem; the features are standardised by now,
// if they are to be.
func (s *softmax) start() []float64 {
	if len(s.rows)*s.f.Dim*s.f.Classes > exactProducts {
		s.fast = newProducts(s)
		s.bend = newCurvature(s.fast.x, len(s.rows), s.f.Dim, s.f.Classes, s.f.Seed)
	}
	return make([]float64, s.size())
}

// from minimises the objective at s.l2 from params, which it moves.
func (s *softmax) from(params []float64, iterations int, tolerance float64, goOn func() error) (minimum, error) {
	d := minimisation{f: s.objective, noise: 1e-13, iterations: iterations, tolerance: tolerance, goOn: goOn}
	if s.fast != nil {
		d.noise = 1e-7
	}
	if s.bend != nil {
		s.objective(params, make([]float64, len(params)))
		weight := s.weight()
		d.inverse = func(dst, grad []float64) { s.bend.inverse(dst, grad, weight, s.l2) }
	}
	return d.from(params)
}

// weight is the mean of p(1-p) over rows and classes at the point of the last objective: the factor of X'X/n in the
// Hessian.
func (s *softmax) weight() float64 {
	classes, n := s.f.Classes, float64(len(s.rows))
	var sum float64
	for r, i := range s.rows {
		for c, v := range s.rest[r*classes : (r+1)*classes] {
			p := v * n
			if c == int(s.f.TrainY[i]) {
				p++
			}
			sum += p * (1 - p)
		}
	}
	return max(sum/(n*float64(classes)), 1e-6)
}

// objective is mean cross-entropy + l2/2 * |W|^2 at params; its gradient goes to grad.
func (s *softmax) objective(params, grad []float64) float64 {
	dim, classes, n := s.f.Dim, s.f.Classes, float64(len(s.rows))
	if s.fast != nil {
		s.fast.logits(params)
	}
	device.Parallel((len(s.rows)+softmaxRows-1)/softmaxRows, func(task int) {
		x := make([]float64, dim)
		for r := task * softmaxRows; r < min((task+1)*softmaxRows, len(s.rows)); r++ {
			i := s.rows[r]
			p := s.rest[r*classes : (r+1)*classes]
			if s.fast != nil {
				s.fast.row(p, params, r)
			} else {
				s.take(x, s.f.TrainX[i*dim:(i+1)*dim], 0, dim)
				s.logits(p, params, x)
			}
			label := s.f.TrainY[i]
			own := p[label]
			top := p[0]
			for _, v := range p {
				top = max(top, v)
			}
			var sum float64
			for c, v := range p {
				p[c] = math.Exp(v - top)
				sum += p[c]
			}
			s.losses[r] = math.Log(sum) + top - own
			for c := range p {
				p[c] /= sum * n
			}
			p[label] -= 1 / n
		}
	})
	if s.fast != nil {
		s.fast.gradient(params, grad)
	} else {
		device.Parallel(chunks(dim), func(task int) { s.gradient(params, grad, task*chunk, min((task+1)*chunk, dim)) })
	}
	bias := grad[dim*classes:]
	clear(bias)
	var loss, norm float64
	for r, l := range s.losses {
		loss += l
		for c, v := range s.rest[r*classes : (r+1)*classes] {
			bias[c] += v
		}
	}
	for _, w := range params[:dim*classes] {
		norm += w * w
	}
	return loss/n + s.l2/2*norm
}

// gradient fills dW for features lo to hi from rest, four rows at a time.
func (s *softmax) gradient(params, grad []float64, lo, hi int) {
	dim, classes := s.f.Dim, s.f.Classes
	width := hi - lo
	for c := range classes {
		for j := lo; j < hi; j++ {
			grad[c*dim+j] = s.l2 * params[c*dim+j]
		}
	}
	var x [4][chunk]float64
	for r := 0; r < len(s.rows); r += 4 {
		four := min(4, len(s.rows)-r)
		for q := range four {
			i := s.rows[r+q]
			s.take(x[q][:], s.f.TrainX[i*dim:(i+1)*dim], lo, hi)
		}
		for c := range classes {
			g := grad[c*dim+lo:][:width]
			var p [4]float64 // rows that do not exist weigh nothing
			for q := range four {
				p[q] = s.rest[(r+q)*classes+c]
			}
			x0, x1, x2, x3 := x[0][:width], x[1][:width], x[2][:width], x[3][:width]
			for j := range g {
				g[j] += p[0]*x0[j] + p[1]*x1[j] + p[2]*x2[j] + p[3]*x3[j]
			}
		}
	}
}

// ranks classifies other rows with features x [M,F] and says how many classes stand before the label.
func (s *softmax) ranks(params []float64, x []float32, y []int32) []int {
	dim := s.f.Dim
	out := make([]int, len(y))
	if s.fast != nil {
		s.fast.ranks(out, params, x, y)
		return out
	}
	device.Parallel((len(y)+softmaxRows-1)/softmaxRows, func(task int) {
		row, scores := make([]float64, dim), make([]float64, s.f.Classes)
		for i := task * softmaxRows; i < min((task+1)*softmaxRows, len(y)); i++ {
			s.take(row, x[i*dim:(i+1)*dim], 0, dim)
			s.logits(scores, params, row)
			out[i] = rank(scores, y[i])
		}
	})
	return out
}
