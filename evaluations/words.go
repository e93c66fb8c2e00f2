package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/setting"
)

// Words is what vectors of words know of them:
//
//	analogies     share of questions "a is to b as c is to ?" whose answer is the word nearest to b - a + c
//	analogy_mrr   mean of 1 / the answer's rank
//	spearman      rank correlation of two words' cosines with how alike people say that they are, and pearson
//
// Analogies as Mikolov et al. 2013, arXiv:1301.3781, section 4: of unit vectors, the three words of the question are no
// answers. A word's vector is the encoder's features of it alone, of [backbone.symbols] without layers its embedding.
// Beside the encoder are its untrained state and counts (raw): the positive pointwise mutual information of a word and
// the training's most frequent words within 5 of it, with the power 0.75 of their counts (Levy et al. 2015,
// doi:10.1162/tacl_a_00134, section 2.1 and 3.2). Both files are the user's; lines with words that the training texts
// lack are left out, counted and named.
type Words struct {
	AtEnd
	// four words on each line; lines that begin with a colon name the questions below them
	Analogies string `toml:"analogies"`
	Pairs     string `toml:"pairs"` // two words and a number on each line, with tabs between them
	Among     int    `toml:"among"` // the most frequent words, which questions are of and answers among; 0: all
	// share of each file's lines that may be left out since the training texts lack a word; more stop the run
	MaxUnknown float64 `toml:"max_unknown"`
}

// DefaultWords has no files yet, which is no setting that works; half of the lines may be left out.
func DefaultWords() *Words { return &Words{MaxUnknown: 0.5} }

// Validate checks the settings.
func (p *Words) Validate() error {
	bad := []error{setting.Within("max_unknown", p.MaxUnknown, 0, 1), setting.Least("among", p.Among, 0)}
	if p.Analogies == "" && p.Pairs == "" {
		bad = append(bad, setting.Bad("analogies", "names no file, and pairs none; want one of four words on each "+
			"line, or pairs = one of two words and a score"))
	}
	return errors.Join(bad...)
}

// WordFiles are files of words.
type WordFiles struct {
	Analogies, Pairs string // "": none
	Among            int
	MaxUnknown       float64
}

// Needs implements Protocol.
func (p *Words) Needs() Needs {
	return Needs{Words: &WordFiles{p.Analogies, p.Pairs, p.Among, p.MaxUnknown}}
}

// WordTasks are what is asked of words, by their places in the vocabulary.
type WordTasks struct {
	Questions []Question
	Among     []int32 // words that answers are among
	Left      []string
	Pairs     [][2]int32
	Graded    Graded // of the pairs
}

// Question is an analogy: a is to b as c is to d.
type Question struct {
	Section string
	Words   [4]int32
}

// Evaluate answers, with features TestX [V,F] of all words.
func (p *Words) Evaluate(ctx context.Context, f Features) (all []Result, err error) {
	if err := f.checkFeatures("words", f.TestX); err != nil {
		return nil, err
	}
	t, n := f.Words, int32(len(f.TestX)/f.Dim)
	if t == nil || len(t.Questions)+len(t.Pairs) == 0 {
		return nil, errors.New("evaluate: words: want questions or pairs of words")
	}
	for _, q := range t.Questions {
		if slices.Min(q.Words[:]) < 0 || slices.Max(q.Words[:]) >= n {
			return nil, fmt.Errorf("evaluate: words: a question of words %v, and there are %d", q.Words, n)
		}
	}
	if len(t.Questions) > 0 {
		if all, err = f.analogies(ctx, t); err != nil {
			return nil, err
		}
	}
	if len(t.Pairs) == 0 {
		return all, nil
	}
	var x []float32
	for _, pair := range t.Pairs {
		for _, w := range pair {
			if w < 0 || w >= n {
				return nil, fmt.Errorf("evaluate: words: a pair of words %v, and there are %d", pair, n)
			}
			x = append(x, f.TestX[int(w)*f.Dim:][:f.Dim]...)
		}
	}
	graded, err := f.graded("words", x, &t.Graded)
	return append(all, graded...), err
}

// analogies answers the questions.
func (f Features) analogies(ctx context.Context, t *WordTasks) ([]Result, error) {
	unit := UnitRows[float64](f.TestX, f.Dim)
	row := func(w int32) []float64 { return unit[int(w)*f.Dim:][:f.Dim] }
	first, reciprocal := make([]float64, len(t.Questions)), make([]float64, len(t.Questions))
	hits, sections, right := make([]bool, len(t.Questions)), map[string]int{}, map[string]int{}
	asked := make([]float64, f.Dim)
	for i, q := range t.Questions {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		a, b, c := row(q.Words[0]), row(q.Words[1]), row(q.Words[2])
		for k := range asked {
			asked[k] = b[k] - a[k] + c[k]
		}
		near := func(w int32) (sum float64) {
			for k, v := range row(w) {
				sum += v * asked[k]
			}
			return sum
		}
		own, rank := near(q.Words[3]), 1
		for _, w := range t.Among { // the answer comes last of equally near words
			if !slices.Contains(q.Words[:], w) && near(w) >= own {
				rank++
			}
		}
		sections[q.Section]++
		if rank == 1 {
			first[i], hits[i] = 1, true
			right[q.Section]++
		}
		reciprocal[i] = 1 / float64(rank)
	}
	settings := map[string]any{"questions": len(t.Questions), "left_out": len(t.Left), "among": len(t.Among),
		"chance": 1 / float64(max(1, len(t.Among)-3))}
	for s, n := range sections {
		if s != "" {
			settings[s] = fmt.Sprintf("%d of %d", right[s], n)
		}
	}
	notes := leftOut("questions", t.Left, len(t.Questions))
	return []Result{
		{Protocol: "words", Metric: "analogies", Value: meanOf(first)(nil), Settings: settings, Notes: notes,
			Accuracy: true, Hits: hits, Images: len(hits)},
		{Protocol: "words", Metric: "analogy_mrr", Value: meanOf(reciprocal)(nil), Settings: settings,
			Bootstrap: f.bootstrap(len(reciprocal), meanOf(reciprocal))},
	}, nil
}
