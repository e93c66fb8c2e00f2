package evaluations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets/corruptions"
	"selfsup/setting"
)

// CopyDetection is how well the copies of images are found among all originals by the cosine of their features, as
// Copydays and SSCD measure it (Douze et al. 2009, doi:10.1145/1646396.1646421; Pizzi et al. 2022, arXiv:2202.10261).
// Copies are made of the test images by seeded transformations, see corruptions.CopyKinds. With M originals and a copy
// of each for every kind:
//
//	crop mAP ...  mean over the copies of a kind of 1 / rank of the original among the M
//	mAP           the mean over the kinds
//	micro_ap      average precision of all pairs of a copy and an original, of all kinds, in one order by cosine: one
//	              threshold for all
//	recall@p90    largest share of the copies that a threshold finds whose pairs are right nine times of ten
//
// Pairs of equal cosine come together. SSCD's normalisation of scores by those of other images is left out. It needs no
// labels.
type CopyDetection struct {
	Schedule
	Kinds  []string `toml:"kinds"`  // of copies
	Images int      `toml:"images"` // originals, at most, drawn by the seed from the test images
}

// DefaultCopyDetection has all kinds of copies of 500 images.
func DefaultCopyDetection() *CopyDetection {
	return &CopyDetection{Kinds: corruptions.CopyKinds(), Images: 500}
}

// Validate checks the settings.
func (p *CopyDetection) Validate() error {
	var bad []error
	if len(p.Kinds) == 0 {
		bad = append(bad, setting.Bad("kinds", "none: want some of %v", corruptions.CopyKinds()))
	}
	for i, k := range p.Kinds {
		if !slices.Contains(corruptions.CopyKinds(), k) || slices.Contains(p.Kinds[:i], k) {
			bad = append(bad, setting.Bad("kinds", "%q: want some of %v, each once", k, corruptions.CopyKinds()))
		}
	}
	if p.Images < 2 {
		bad = append(bad, setting.Bad("images", "%d: want 2 or more", p.Images))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *CopyDetection) Needs() Needs { return Needs{Copies: true, Images: p.Images} }

// pair is a copy and an original, with their cosine.
type pair struct {
	cos   float32
	right bool
}

// Evaluate returns the numbers of all kinds together, and the mAP of each.
func (p *CopyDetection) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("copy_detection", f.TestX); err != nil {
		return nil, err
	}
	if f.Copies == nil {
		return nil, errors.New("evaluate: copy_detection: no copies")
	}
	n := len(f.TestX) / f.Dim
	originals := UnitRows[float32](f.TestX, f.Dim)
	settings := map[string]any{"images": n, "kinds": p.Kinds}
	result := func(metric string, value float64) Result {
		return Result{Protocol: "copy_detection", Metric: metric, Value: value, Settings: settings}
	}
	var pairs []pair
	var each []Result
	inverse := make([]float64, n) // mean over the kinds of 1/rank, by image
	for _, kind := range p.Kinds {
		x, err := f.Copies(ctx, kind)
		if err == nil && len(x) != len(f.TestX) {
			err = fmt.Errorf("evaluate: copy_detection: %d numbers as features of %d copies", len(x), n)
		}
		if err == nil {
			err = f.checkFeatures("copy_detection", x)
		}
		if err != nil {
			return nil, err
		}
		all := make([]pair, n*n)
		own := make([]float64, n)
		err = f.products(ctx, UnitRows[float32](x, f.Dim), originals, n, func(i, _ int, cos []float32) {
			rank := 1
			for j, c := range cos {
				all[i*n+j] = pair{c, i == j}
				if c > cos[i] || c == cos[i] && j < i {
					rank++
				}
			}
			own[i] = 1 / float64(rank)
		})
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, all...)
		mean := 0.0
		for i, v := range own {
			mean += v / float64(n)
			inverse[i] += v / float64(len(p.Kinds))
		}
		one := result(kind+" mAP", mean)
		one.Bootstrap = f.bootstrap(n, meanOf(own))
		each = append(each, one)
	}
	whole := result("mAP", meanOf(inverse)(nil))
	whole.Bootstrap = f.bootstrap(n, meanOf(inverse))
	micro, recall := microAP(pairs)
	return append([]Result{whole, result("micro_ap", micro), result("recall@p90", recall)}, each...), nil
}

// microAP is the average precision of pairs in one order, and the largest recall at a precision of 0.9.
func microAP(pairs []pair) (ap, recall float64) {
	slices.SortStableFunc(pairs, func(a, b pair) int { return -cmp.Compare(a.cos, b.cos) })
	total := 0
	for _, p := range pairs {
		if p.right {
			total++
		}
	}
	found := 0
	for from := 0; from < len(pairs); {
		to, right := from, 0
		for ; to < len(pairs) && pairs[to].cos == pairs[from].cos; to++ {
			if pairs[to].right {
				right++
			}
		}
		found += right
		precision := float64(found) / float64(to)
		ap += float64(right) / float64(total) * precision
		if precision >= 0.9 {
			recall = float64(found) / float64(total)
		}
		from = to
	}
	return ap, recall
}
