package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// Ridge is a linear classifier in closed form. It is ridge regression of the one-hot labels Y on features X, both less
// their mean over the training images:
//
//	W = (X'X + alpha I)^-1 X'Y
//
// and a test image's class is the largest of W'x + b. Unlike [evaluate.linear] it has no iterations that could end
// early; unlike that it also pulls at images that are right by far. This is scikit-learn's Ridge (Hoerl and Kennard
// 1970, doi:10.1080/00401706.1970.10488634). Of several strengths the one is used whose fit on the other training
// images is most often right on the validation split, of equals the larger; the fit that is measured is on all.
type Ridge struct {
	Schedule
	// shift and scale every feature to mean 0 and variance 1 over the training images
	Standardize bool      `toml:"standardize"`
	Alpha       []float64 `toml:"alpha"` // strengths, of sums over images; of several the best on the validation split
}

// DefaultRidge chooses among seven strengths on standardised features.
func DefaultRidge() *Ridge {
	return &Ridge{Standardize: true, Alpha: []float64{0.1, 1, 10, 100, 1000, 1e4, 1e5}}
}

// Validate checks the settings.
func (p *Ridge) Validate() error {
	if len(p.Alpha) == 0 {
		return setting.Bad("alpha", "no numbers: want at least one, such as [10.0]")
	}
	for i, v := range p.Alpha {
		if !(v > 0) || math.IsInf(v, 0) || slices.Contains(p.Alpha[:i], v) {
			return setting.Bad("alpha", "%v: want numbers above 0, each once", p.Alpha)
		}
	}
	return nil
}

// Needs implements Protocol.
func (p *Ridge) Needs() Needs { return Needs{Labels: true, Validation: len(p.Alpha) > 1} }

// Evaluate returns top1, and top5 where there are more than five classes.
func (p *Ridge) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("ridge"); err != nil {
		return nil, err
	}
	alphas := slices.Sorted(slices.Values(p.Alpha))
	slices.Reverse(alphas)
	alpha := alphas[0]
	if len(alphas) > 1 {
		x, y := f.TestX, f.TestY // the test set is the split
		if !f.Validation {
			if x, y = f.held(); len(y) == 0 {
				return nil, fmt.Errorf("evaluate: ridge: alpha = %v is to be chosen, and there is no validation "+
					"split; want one strength, or [validation] share above 0", p.Alpha)
			}
		}
		r := p.prepare(f, rowsBut(f, f.Held))
		best := -1.0
		for _, a := range alphas {
			if err := f.goOn(ctx); err != nil {
				return nil, err
			}
			ranks, err := r.ranks(a, x, y)
			if err != nil {
				return nil, err
			}
			if right := topK(ranks, 1); right > best {
				best, alpha = right, a
			}
		}
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	ranks, err := p.prepare(f, rowsBut(f, nil)).ranks(alpha, f.TestX, f.TestY)
	if err != nil {
		return nil, err
	}
	settings := map[string]any{"alpha": alpha, "standardize": p.Standardize}
	if len(alphas) > 1 {
		settings["alpha_of"] = p.Alpha
	}
	return accuracies("ridge", 0, f.Classes, 5, ranks, f.TestY, settings), nil
}

// ridge is a regression of one-hot labels on some rows of a training set.
type ridge struct {
	scale *softmax      // which centres and scales the features
	gram  *mat.SymDense // [F,F] x'x
	cross *mat.Dense    // [F,C] x'y
	means []float64     // [C] of the one-hot labels
}

func (p *Ridge) prepare(f Features, rows []int) *ridge {
	r := &ridge{scale: newSoftmax(f, rows, 0), means: make([]float64, f.Classes)}
	r.scale.standardize()
	if !p.Standardize {
		for j := range r.scale.scale {
			r.scale.scale[j] = 1
		}
	}
	n := float64(len(rows))
	x, y := mat.NewDense(len(rows), f.Dim, nil), mat.NewDense(len(rows), f.Classes, nil)
	for _, i := range rows {
		r.means[f.TrainY[i]] += 1 / n
	}
	for k, i := range rows {
		r.scale.take(x.RawRowView(k), f.TrainX[i*f.Dim:(i+1)*f.Dim], 0, f.Dim)
		for c, m := range r.means {
			y.Set(k, c, -m)
		}
		y.Set(k, int(f.TrainY[i]), 1-r.means[f.TrainY[i]])
	}
	r.gram, r.cross = squares(x, y)
	return r
}

// scores [M,C] of other rows, by the weights [F,C] of a strength.
func (r *ridge) scores(alpha float64, x []float32) (scores, w *mat.Dense, err error) {
	if w, err = ridgeSolve(r.gram, r.cross, alpha); err != nil {
		return nil, nil, fmt.Errorf("evaluate: ridge: %w", err)
	}
	dim := r.scale.f.Dim
	rows := mat.NewDense(len(x)/dim, dim, nil)
	for i := range len(x) / dim {
		r.scale.take(rows.RawRowView(i), x[i*dim:(i+1)*dim], 0, dim)
	}
	scores = new(mat.Dense)
	scores.Mul(rows, w)
	scores.Apply(func(_, c int, v float64) float64 { return v + r.means[c] }, scores)
	return scores, w, nil
}

func (r *ridge) ranks(alpha float64, x []float32, y []int32) ([]int, error) {
	scores, _, err := r.scores(alpha, x)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(y))
	for i, label := range y {
		out[i] = rank(scores.RawRowView(i), label)
	}
	return out, nil
}

// ridgeFit minimises |y - xw|^2 + alpha |w|^2: x [N,F], y [N,K], w [F,K], x and y without their means.
func ridgeFit(x, y *mat.Dense, alpha float64) (*mat.Dense, error) {
	gram, cross := squares(x, y)
	return ridgeSolve(gram, cross, alpha)
}

// squares are x'x and x'y.
func squares(x, y *mat.Dense) (*mat.SymDense, *mat.Dense) {
	var gram mat.SymDense
	var cross mat.Dense
	gram.SymOuterK(1, x.T())
	cross.Mul(x.T(), y)
	return &gram, &cross
}

// ridgeSolve is the w of (gram + alpha I) w = cross.
func ridgeSolve(gram *mat.SymDense, cross *mat.Dense, alpha float64) (*mat.Dense, error) {
	dim := gram.SymmetricDim()
	pulled := mat.NewSymDense(dim, nil)
	pulled.CopySym(gram)
	for j := range dim {
		pulled.SetSym(j, j, gram.At(j, j)+alpha)
	}
	var root mat.Cholesky
	if !root.Factorize(pulled) {
		return nil, fmt.Errorf("the products of %d features have no root; want a stronger ridge than %v", dim, alpha)
	}
	var w mat.Dense
	if err := root.SolveTo(&w, cross); err != nil && !errors.As(err, new(mat.Condition)) {
		return nil, err
	}
	return &w, nil
}
