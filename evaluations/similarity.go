package evaluations

import (
	"context"
	"errors"
	"fmt"

	"selfsup/setting"
)

// Similarity is how well the cosine of two texts' features agrees with how alike people say that they are:
//
//	spearman   rank correlation of the cosines with the scores
//	pearson    their linear correlation
//
// The pairs are a file of the user's, as those of the STS tasks (Cer et al. 2017, arXiv:1708.00055). The encoder sees a
// window of each text, as of the recipe's. Pairs of which a text has no symbol that the training texts have are left
// out, counted and named. Beside the encoder are its untrained state, counts of symbols (raw) and tf-idf.
type Similarity struct {
	AtEnd
	// two texts and a number on each line, with tabs between them; a first line without a number is a header
	File string `toml:"file"`
	// share of the pairs that may be left out since a text has no symbol of the training texts; more stop the run
	MaxUnknown float64 `toml:"max_unknown"`
}

// DefaultSimilarity has no file yet, which is no setting that works; a tenth of the pairs may be left out.
func DefaultSimilarity() *Similarity { return &Similarity{MaxUnknown: 0.1} }

// Validate checks the settings.
func (p *Similarity) Validate() error {
	bad := []error{setting.Within("max_unknown", p.MaxUnknown, 0, 1)}
	if p.File == "" {
		bad = append(bad, setting.Bad("file", "names no file; want one of two texts and a score on each line, with "+
			"tabs between them"))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Similarity) Needs() Needs { return Needs{Graded: &Listed{p.File, p.MaxUnknown}} }

// Listed is a file of texts, and the share of its lines that may have unknown ones.
type Listed struct {
	File       string
	MaxUnknown float64
}

// Graded is how alike people say that two texts, or words, are: those of the features 2i and 2i+1, by Scores[i].
type Graded struct {
	Scores []float64
	Left   []string // pairs that are left out, and why
}

// Evaluate returns the correlations, of features TestX [2N,F].
func (p *Similarity) Evaluate(_ context.Context, f Features) ([]Result, error) {
	return f.graded("similarity", f.TestX, f.Graded)
}

// graded compares the cosines of features x [2N,F], two of each pair, with the scores.
func (f Features) graded(protocol string, x []float32, g *Graded) ([]Result, error) {
	if err := f.checkFeatures(protocol, x); err != nil {
		return nil, err
	}
	n := len(x) / f.Dim / 2
	if g == nil || n < 3 || n != len(g.Scores) {
		return nil, fmt.Errorf("evaluate: %s: want 3 pairs of texts or more with a score each", protocol)
	}
	unit, cosines := UnitRows[float64](x, f.Dim), make([]float64, n)
	for i := range cosines {
		for k, v := range unit[2*i*f.Dim:][:f.Dim] {
			cosines[i] += v * unit[(2*i+1)*f.Dim+k]
		}
	}
	settings := map[string]any{"pairs": n, "left_out": len(g.Left), "distance": "cosine"}
	of := func(metric string, correlation func(a, b []float64) float64) Result {
		return Result{Protocol: protocol, Metric: metric, Value: correlation(cosines, g.Scores), Settings: settings,
			Notes: leftOut("pairs", g.Left, n), Bootstrap: f.bootstrap(n, func(rows []int32) float64 {
				a, b := make([]float64, len(rows)), make([]float64, len(rows))
				for i, r := range rows {
					a[i], b[i] = cosines[r], g.Scores[r]
				}
				return correlation(a, b)
			})}
	}
	return []Result{of("spearman", Spearman), of("pearson", Pearson)}, nil
}

// leftOut says how many lines of a file are left out beside n others, and names the first few.
func leftOut(what string, left []string, n int) []string {
	if len(left) == 0 {
		return nil
	}
	const few = 3
	note := fmt.Sprintf("%d of %d %s are left out", len(left), len(left)+n, what)
	for i, l := range left[:min(few, len(left))] {
		note += []string{": ", "; "}[min(i, 1)] + l
	}
	if more := len(left) - few; more > 0 {
		note += fmt.Sprintf("; and %d more", more)
	}
	return []string{note}
}
