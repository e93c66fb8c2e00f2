package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// LiDAR is the effective rank of what tells images apart, where random views of one image are a class of their own. It
// is exp of the entropy of p_k = lambda_k / sum of lambda + eps, over the F eigenvalues lambda of
//
//	Sw^-1/2 Sb Sw^-1/2,  Sb = sum over images of (m_i - m)(m_i - m)' / (n-1)
//	Sw = sum over images and views of (x_iv - m_i)(x_iv - m_i)' / (n(q-1)) + delta 1
//
// with the features x of q views of n images, their means m_i by image and m of all. The views of an image are made
// and counted together. It needs no labels, and ranks settings of one method, not methods.
//
// Thilak et al. 2023, arXiv:2312.04000, eq. 3 to 6, which has 1,000 images of 50 views.
type LiDAR struct {
	Schedule
	Images  int     `toml:"images"`  // training images that it looks at, at most: n
	Views   int     `toml:"views"`   // random views of each: q
	Delta   float64 `toml:"delta"`   // added to the variances within images
	Epsilon float64 `toml:"epsilon"` // keeps the logarithm finite
}

// DefaultLiDAR looks at ten views of 500 images, with the paper's delta.
func DefaultLiDAR() *LiDAR { return &LiDAR{Images: 500, Views: 10, Delta: 1e-4, Epsilon: 1e-8} }

// Validate checks the settings.
func (p *LiDAR) Validate() error {
	var bad []error
	if p.Images < 2 {
		bad = append(bad, setting.Bad("images", "%d: want 2 or more", p.Images))
	}
	if p.Views < 2 {
		bad = append(bad, setting.Bad("views", "%d: want 2 or more, as one view does not vary", p.Views))
	}
	bad = append(bad, setting.Positive("delta", p.Delta))
	if !(p.Epsilon > 0 && p.Epsilon < 1) {
		bad = append(bad, setting.Bad("epsilon", "%v: want a number above 0 and below 1, such as 1e-8", p.Epsilon))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *LiDAR) Needs() Needs { return Needs{Images: p.Images, Draws: p.Views} }

// Evaluate returns the effective rank.
func (p *LiDAR) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	n, err := f.checkGroups("lidar")
	if err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	values, err := p.eigenvalues(f.Grouped, n, f.Group, f.Dim)
	if err != nil {
		return nil, fmt.Errorf("evaluate: lidar: %w", err)
	}
	settings := map[string]any{"images": n, "views": f.Group, "delta": p.Delta, "epsilon": p.Epsilon}
	return []Result{{Protocol: "lidar", Metric: "lidar", Value: EffectiveRank(values, p.Epsilon), Settings: settings}},
		nil
}

// eigenvalues of Sw^-1/2 Sb Sw^-1/2 of groups x [n,q,dim], falling: dim of them. They are those of L^-1 Sb L^-T with
// Sw = L L'.
func (p *LiDAR) eigenvalues(x []float32, n, q, dim int) ([]float64, error) {
	within, means := mat.NewDense(n*q, dim, nil), mat.NewDense(n, dim, nil)
	all := make([]float64, dim)
	for i := range n {
		m := means.RawRowView(i)
		for k, v := range x[i*q*dim : (i+1)*q*dim] {
			m[k%dim] += float64(v) / float64(q)
		}
		for j, v := range m {
			all[j] += v / float64(n)
		}
		for v := range q {
			row := within.RawRowView(i*q + v)
			for j := range row {
				row[j] = float64(x[(i*q+v)*dim+j]) - m[j]
			}
		}
	}
	for i := range n {
		m := means.RawRowView(i)
		for j := range m {
			m[j] -= all[j]
		}
	}
	var sw mat.SymDense
	sw.SymOuterK(1/float64(n*(q-1)), within.T())
	for j := range dim {
		sw.SetSym(j, j, sw.At(j, j)+p.Delta)
	}
	var chol mat.Cholesky
	if !chol.Factorize(&sw) {
		return nil, fmt.Errorf("the variances within images have no root; want a delta above %v", p.Delta)
	}
	var root mat.TriDense
	chol.LTo(&root)
	var y mat.Dense // [n,dim]: the means in a space where views vary alike in all directions
	if err := solveRight(&y, means, &root); err != nil {
		return nil, err
	}
	values, err := gramSpectrum(&y, 1/float64(n-1))
	if err != nil {
		return nil, err
	}
	if total := sum(values); total == 0 || math.IsInf(total, 0) {
		return nil, errors.New("the means of all images are alike, which nothing tells apart")
	}
	return append(values, make([]float64, max(0, dim-len(values)))...), nil
}
