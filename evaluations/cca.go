package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// CCA is linear canonical correlation analysis of the features of two random views of images, in closed form: how much
// of a view its best linear maps find in the other.
//
//	A = S11^-1/2 U, B = S22^-1/2 V,  U s V' = S11^-1/2 S12 S22^-1/2,  S11 and S22 with a ridge on the diagonal
//
// The maps are fitted on half of the images; the number is the mean of the correlations of the K best pairs of
// directions over the other half. It needs no labels. Hotelling 1936, Relations between two sets of variates; Andrew et
// al. 2013, Deep canonical correlation analysis, section 2.
type CCA struct {
	Schedule
	Images     int     `toml:"images"`     // training images that it looks at, at most
	Directions int     `toml:"directions"` // K, at most as many as features
	Ridge      float64 `toml:"ridge"`      // added to the diagonals, as a share of the mean variance
}

// DefaultCCA looks at ten directions of 2,048 images.
func DefaultCCA() *CCA { return &CCA{Images: 2048, Directions: 10, Ridge: 1e-2} }

// Validate checks the settings.
func (p *CCA) Validate() error {
	var bad []error
	if p.Images < 4 {
		bad = append(bad, setting.Bad("images", "%d: want 4 or more", p.Images))
	}
	if p.Directions < 1 {
		bad = append(bad, setting.Bad("directions", "%d: want at least 1", p.Directions))
	}
	if !(p.Ridge > 0) || math.IsInf(p.Ridge, 0) {
		bad = append(bad, setting.Bad("ridge", "%v: want a share above 0, such as 0.01", p.Ridge))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *CCA) Needs() Needs { return Needs{Views: true, Images: p.Images} }

// Evaluate returns the mean correlation on the images that the maps were not fitted on.
func (p *CCA) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	for _, x := range [][]float32{f.ViewA, f.ViewB} {
		if err := f.checkFeatures("cca", x); err != nil {
			return nil, err
		}
	}
	n := len(f.ViewA) / f.Dim
	if len(f.ViewA) != len(f.ViewB) || n < 4 {
		return nil, fmt.Errorf("evaluate: cca: views of %d and %d images; want as many of both, at least 4", n,
			len(f.ViewB)/f.Dim)
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	fit := n / 2
	a, b := newSide(f.ViewA, f.Dim, fit), newSide(f.ViewB, f.Dim, fit)
	if err := errors.Join(a.factor(p.Ridge), b.factor(p.Ridge)); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	var cross, half, t mat.Dense
	cross.Mul(a.fit.T(), b.fit)
	cross.Scale(1/float64(fit-1), &cross)
	if err := errors.Join(a.root.SolveTo(&half, false, &cross), solveRight(&t, &half, &b.root)); err != nil {
		return nil, fmt.Errorf("evaluate: cca: %w", err)
	}
	var svd mat.SVD
	if !svd.Factorize(&t, mat.SVDThin) {
		return nil, errors.New("evaluate: cca: the canonical correlations do not converge")
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	x, err := a.project(&u)
	if err != nil {
		return nil, err
	}
	y, err := b.project(&v)
	if err != nil {
		return nil, err
	}
	k := min(p.Directions, f.Dim)
	var sum float64
	for j := range k {
		sum += correlation(x.ColView(j), y.ColView(j)) / float64(k)
	}
	settings := map[string]any{"images": n, "directions": k, "ridge": p.Ridge}
	return []Result{{Protocol: "cca", Metric: "correlation", Value: sum, Settings: settings}}, nil
}

// side is the features of one view, less the mean of the rows that maps are fitted on.
type side struct {
	fit, test *mat.Dense
	square    float64      // of the mean's length
	root      mat.TriDense // Cholesky factor of the fitted rows' covariance
}

func newSide(x []float32, dim, fit int) *side {
	n := len(x) / dim
	mean := make([]float64, dim)
	for i := range fit {
		for j := range dim {
			mean[j] += float64(x[i*dim+j]) / float64(fit)
		}
	}
	var square float64
	for _, v := range mean {
		square += v * v
	}
	all := mat.NewDense(n, dim, nil)
	for i, v := range x {
		all.Set(i/dim, i%dim, float64(v)-mean[i%dim])
	}
	return &side{fit: all.Slice(0, fit, 0, dim).(*mat.Dense), test: all.Slice(fit, n, 0, dim).(*mat.Dense),
		square: square}
}

// factor fills root. Features that are all alike have no correlations.
func (s *side) factor(ridge float64) error {
	n, dim := s.fit.Dims()
	var cov mat.SymDense
	cov.SymOuterK(1/float64(n-1), s.fit.T())
	variance := cov.Trace()
	added := ridge * variance / float64(dim)
	for j := range dim {
		cov.SetSym(j, j, cov.At(j, j)+added)
	}
	var chol mat.Cholesky
	if variance <= 1e-14*s.square || !chol.Factorize(&cov) {
		return errors.New("evaluate: cca: features of all images are alike, which correlate with nothing")
	}
	chol.LTo(&s.root)
	return nil
}

// project is the test rows along the directions root'^-1 u.
func (s *side) project(u mat.Matrix) (*mat.Dense, error) {
	var w, y mat.Dense
	if err := s.root.SolveTo(&w, true, u); err != nil {
		return nil, fmt.Errorf("evaluate: cca: %w", err)
	}
	y.Mul(s.test, &w)
	return &y, nil
}

// solveRight is x = b root'^-1.
func solveRight(x, b *mat.Dense, root *mat.TriDense) error {
	var t mat.Dense
	if err := root.SolveTo(&t, false, b.T()); err != nil {
		return err
	}
	x.CloneFrom(t.T())
	return nil
}

// correlation of two vectors; 0 where one does not vary.
func correlation(x, y mat.Vector) float64 {
	n := float64(x.Len())
	var mx, my, xy, xx, yy float64
	for i := range x.Len() {
		mx, my = mx+x.AtVec(i)/n, my+y.AtVec(i)/n
	}
	for i := range x.Len() {
		u, v := x.AtVec(i)-mx, y.AtVec(i)-my
		xy, xx, yy = xy+u*v, xx+u*u, yy+v*v
	}
	if xx*yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
