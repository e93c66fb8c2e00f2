package evaluations

import (
	"context"
	"errors"
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/setting"
)

// Halves is how well the halves of texts know each other by the cosine of their features:
//
//	recall@1    share of first halves whose second half is the nearest of all second halves
//	mrr         mean of 1 / its rank
//	spearman    rank correlation of cosines with how alike two halves are: 2 of one text, 1 of two texts of a class,
//	            0 of two texts of different classes, as many pairs of each; without labels 2 and 0
//	alignment   mean squared distance of the unit features of two halves of a text
//	uniformity  log of the mean of exp(-2 d^2) over pairs of first halves
//
// The first two are retrieval of passages; spearman stands for the similarity of sentence pairs, as the STS tasks
// measure it with people's grades (Cer et al. 2017, arXiv:1708.00055), which grade pairs here by where they come from.
// Alignment and uniformity are those of Wang and Isola 2020, arXiv:2005.10242. It is of texts; of equally near halves
// the given one comes last. With every the training does without the share of its texts that [validation] holds out.
type Halves struct {
	Schedule
	Texts int `toml:"texts"` // of the test that it looks at, at most
}

// DefaultHalves looks at 1000 texts.
func DefaultHalves() *Halves { return &Halves{Texts: 1000} }

// Validate checks the settings.
func (p *Halves) Validate() error { return setting.Least("texts", p.Texts, 4) }

// Needs implements Protocol.
func (p *Halves) Needs() Needs { return Needs{Halves: true, Images: p.Texts} }

// Evaluate returns the measures, of features TestX [2N,F] of halves, those of a text together.
func (p *Halves) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("halves", f.TestX); err != nil {
		return nil, err
	}
	n := len(f.TestX) / f.Dim / 2
	if n < 4 || len(f.TestY) != 0 && len(f.TestY) != n {
		return nil, errors.New("evaluate: halves: want at least 4 texts in halves")
	}
	x := UnitRows[float64](f.TestX, f.Dim)
	row := func(i, half int) []float64 { return x[(2*i+half)*f.Dim:][:f.Dim] }
	cos := func(a, b []float64) (sum float64) {
		for k, v := range a {
			sum += v * b[k]
		}
		return sum
	}
	var first, reciprocal, apart, near float64
	ranks := make([]float64, n)
	for i := range n {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		own, rank := cos(row(i, 0), row(i, 1)), 1
		for k := range n {
			if k != i && cos(row(i, 0), row(k, 1)) >= own {
				rank++
			}
			if k != i {
				near += math.Exp(-2*(2-2*cos(row(i, 0), row(k, 0)))) / float64(n*(n-1))
			}
		}
		ranks[i] = 1 / float64(rank)
		reciprocal += 1 / float64(rank)
		apart += 2 - 2*own
		if rank == 1 {
			first++
		}
	}
	var said, grades []float64
	r := datasets.NewRand(f.Seed, "halves")
	for i := range n {
		said, grades = append(said, cos(row(i, 0), row(i, 1))), append(grades, 2)
		alike, other := -1, -1
		for range 50 { // draws of another text of this class, and of one of another class
			switch k := r.Intn(n); {
			case k == i:
			case len(f.TestY) > 0 && f.TestY[k] == f.TestY[i]:
				alike = k
			default:
				other = k
			}
		}
		for grade, k := range []int{other, alike} {
			if k >= 0 {
				said, grades = append(said, cos(row(i, 0), row(k, 1))), append(grades, float64(grade))
			}
		}
	}
	settings := map[string]any{"texts": n, "distance": "cosine"}
	result := func(metric string, value float64, lower bool) Result {
		return Result{Protocol: "halves", Metric: metric, Value: value, Lower: lower, Settings: settings}
	}
	found := result("mrr", reciprocal/float64(n), false)
	found.Bootstrap = f.bootstrap(n, meanOf(ranks))
	return []Result{result("recall@1", first/float64(n), false), found,
		result("spearman", Spearman(said, grades), false),
		result("alignment", apart/float64(n), true), result("uniformity", math.Log(near), true)}, nil
}

// Spearman is the rank correlation of two lists, of which equal numbers share the mean of their ranks; 0 where all
// numbers of one are equal.
func Spearman(a, b []float64) float64 { return Pearson(ranked(a), ranked(b)) }

// Pearson is the linear correlation of two lists; 0 where all numbers of one are equal.
func Pearson(a, b []float64) float64 {
	var meanA, meanB, xy, xx, yy float64
	for i := range a {
		meanA, meanB = meanA+a[i]/float64(len(a)), meanB+b[i]/float64(len(a))
	}
	for i := range a {
		x, y := a[i]-meanA, b[i]-meanB
		xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// ranked is the rank of each number, from 0.
func ranked(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int {
		switch {
		case v[i] < v[k]:
			return -1
		case v[i] > v[k]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(v))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && v[order[to]] == v[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return ranks
}
