package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// CKA is how alike two representations of the same training images are, see LinearCKA: the one that is evaluated, and
// the one that against names. 1 is the same up to a turn, a scale and a shift of the features. With [baselines]
// projector it compares layers of the projector too, and with blocks the last blocks of a transformer, each with the
// same one of the other transformer (block_1 is the last), by the means of their patches. It needs no labels.
type CKA struct {
	Schedule
	Other  string `toml:"against"` // untrained | pixels | the folder of another run, whose encoder takes images
	Images int    `toml:"images"`  // training images that it looks at, at most
	Blocks int    `toml:"blocks"`  // last blocks of a transformer that are compared; 0: the features alone
}

// DefaultCKA compares with the untrained encoder.
func DefaultCKA() *CKA { return &CKA{Other: "untrained", Images: 2048} }

// Validate checks the settings.
func (p *CKA) Validate() error {
	var bad []error
	if p.Other == "" {
		bad = append(bad, setting.Bad("against", "want \"untrained\", \"pixels\" or the folder of a run"))
	}
	if p.Blocks > 0 && p.Other == "pixels" {
		bad = append(bad, setting.Bad("blocks", "%d: pixels have none; want 0", p.Blocks))
	}
	return errors.Join(append(bad, setting.Least("images", p.Images, 2), setting.Least("blocks", p.Blocks, 0))...)
}

// Needs implements Protocol.
func (p *CKA) Needs() Needs { return Needs{Against: p.Other, Images: p.Images, Blocks: p.Blocks} }

// Evaluate returns the alignment of the features, and of the blocks.
func (p *CKA) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("cka", f.TrainX); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	v, err := LinearCKA(f.TrainX, f.Dim, f.OtherX, f.OtherDim)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	settings := map[string]any{"against": p.Other, "images": len(f.TrainX) / f.Dim}
	out := []Result{{Protocol: "cka", Metric: "cka", Value: v, Settings: settings}}
	for k := range f.OwnBlocks {
		v, err := LinearCKA(f.OwnBlocks[k].X, f.OwnBlocks[k].Dim, f.OtherBlocks[k].X, f.OtherBlocks[k].Dim)
		if err != nil {
			return nil, fmt.Errorf("evaluate: block %d: %w", k+1, err)
		}
		out = append(out, Result{Protocol: "cka", Metric: fmt.Sprintf("block_%d", k+1), Value: v, Settings: settings})
	}
	return out, nil
}

// LinearCKA is the centred kernel alignment of two representations of the same rows, a [N,F] and b [N,G], with linear
// kernels:
//
//	|A'B|^2 / (|A'A| |B'B|)
//
// of the rows less their mean, with Frobenius norms. It is 1 where the two differ by a turn, a scale and a shift, and 0
// where no direction of one goes with one of the other. Of few rows and many features it is too large: N should be well
// above F and G. Kornblith et al. 2019, arXiv:1905.00414, eq. 7.
func LinearCKA(a []float32, f int, b []float32, g int) (float64, error) {
	if f < 1 || g < 1 || len(a)/f != len(b)/g || len(a)%f != 0 || len(b)%g != 0 || len(a) < 2*f {
		return 0, fmt.Errorf("cka: %d numbers as rows of %d, %d as rows of %d; want as many rows of both, two or more",
			len(a), f, len(b), g)
	}
	x, y := centredRows(a, f), centredRows(b, g)
	cross, own, other := productNorm(x, y), productNorm(x, x), productNorm(y, y)
	if own == 0 || other == 0 {
		return 0, errors.New("cka: the rows of a representation are all alike")
	}
	return cross * cross / (own * other), nil
}

// productNorm is the Frobenius norm of x'y, which is the root of the trace of xx'yy' where that is smaller.
func productNorm(x, y *mat.Dense) float64 {
	n, f := x.Dims()
	_, g := y.Dims()
	if n*n >= f*g {
		var p mat.Dense
		p.Mul(x.T(), y)
		return mat.Norm(&p, 2)
	}
	var k, l mat.SymDense
	k.SymOuterK(1, x)
	l.SymOuterK(1, y)
	var trace float64
	for i := range n {
		for j := range n {
			trace += k.At(i, j) * l.At(i, j)
		}
	}
	return math.Sqrt(max(0, trace))
}

// centredRows are x [N,dim] less the mean of its rows.
func centredRows(x []float32, dim int) *mat.Dense {
	n := len(x) / dim
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(n)
	}
	out := mat.NewDense(n, dim, nil)
	for i, v := range x {
		out.Set(i/dim, i%dim, float64(v)-mean[i%dim])
	}
	return out
}
