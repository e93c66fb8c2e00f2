package edits

import (
	"fmt"
	"math"
	"sort"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Words is the pairs of words near each other in a window, and words at random beside them, for negative sampling.
// Frequent words are left out now and then, then each word that is left has its neighbours at most so far as a draw
// from 1 to Window says.
//
//	skip-gram  centre [P], context [P], negatives [P,K]
//	CBOW       contexts [P,2 Window] with padding behind them, centre [P], negatives [P,K]
//
// Of more pairs than P some at random are taken; of fewer the rest is padding. Unknown words are none.
//
// Mikolov et al. 2013, arXiv:1310.4546, sections 2.2 and 2.3. A word is kept with probability sqrt(t/f) + t/f as in
// the authors' code, or sqrt(t/f) as in the paper; negatives are drawn by count^Power. As in the code, negatives that
// are the target are drawn again (at most a few times).
type Words struct {
	CBOW      bool
	Pairs     int     // P, of a window
	Window    int     // words to either side, at most
	Negatives int     // K
	Sample    float64 // t, of the share f of a word; 0: all words are kept
	Paper     bool    // the paper's probability to keep a word
	Power     float64 // of the counts
	Counts    []int   // [V] how often each symbol occurs in the training texts; nil: alike

	kept, table []float64 // probability to be kept, and sums of those to be drawn, by symbol
}

// Ready is the edit for a vocabulary of v symbols.
func (e Words) Ready(v int) *Words {
	counts := e.Counts
	if counts == nil {
		counts = make([]int, v)
		for i := range counts {
			counts[i] = 1
		}
	}
	of := append([]int{}, counts...)
	for i := range min(datasets.FirstSymbol, v) {
		of[i] = 0 // padding and unknown are no words
	}
	e.kept = keep(of, e.Sample, e.Paper)
	e.table = distribution(of, e.Power)
	for i := 1; i < v; i++ {
		e.table[i] += e.table[i-1]
	}
	return &e
}

// keep is the probability to keep each word of so many counts.
func keep(counts []int, t float64, paper bool) []float64 {
	total := 0.0
	for _, n := range counts {
		total += float64(n)
	}
	p := make([]float64, len(counts))
	for i, n := range counts {
		if p[i] = 1; t > 0 && n > 0 {
			ratio := t / (float64(n) / total)
			if p[i] = math.Sqrt(ratio); !paper {
				p[i] += ratio
			}
			p[i] = min(p[i], 1)
		}
	}
	return p
}

// distribution is counts^power, as shares.
func distribution(counts []int, power float64) []float64 {
	p, sum := make([]float64, len(counts)), 0.0
	for i, n := range counts {
		if n > 0 {
			p[i] = math.Pow(float64(n), power)
		}
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Edits implements feed.Editor.
func (e *Words) Edits(of []feed.Field) ([]feed.Field, error) {
	_, v, err := symbols(of)
	switch {
	case err != nil:
		return nil, err
	case e.Pairs < 1 || e.Window < 1 || e.Negatives < 1 || e.Sample < 0:
		return nil, fmt.Errorf("edits: %d pairs of words at most %d apart with %d negatives, sample %v; want at "+
			"least 1 of each, and no sample below 0", e.Pairs, e.Window, e.Negatives, e.Sample)
	case len(e.table) != v:
		return nil, fmt.Errorf("edits: counts of %d words for a vocabulary of %d", len(e.table), v)
	}
	one, negatives := text("centre", e.Pairs, v, 0), text("negatives", e.Pairs, v, 0)
	negatives.Shape = []int{e.Pairs, e.Negatives}
	if !e.CBOW {
		return []feed.Field{one, text("context", e.Pairs, v, 0), negatives}, nil
	}
	contexts := text("contexts", e.Pairs, v, 0)
	contexts.Shape = []int{e.Pairs, 2 * e.Window}
	return []feed.Field{contexts, one, negatives}, nil
}

// Edit implements feed.Editor.
func (e *Words) Edit(to, from []feed.Slot, r *datasets.Rand) error {
	var words []int32
	for _, w := range there(from[0].I32) {
		if w >= datasets.FirstSymbol && r.Float64() < e.kept[w] {
			words = append(words, w)
		}
	}
	var pairs [][2]int // a centre and one of its neighbours; with CBOW how far its neighbours are
	for at := range words {
		far := 1 + r.Intn(e.Window)
		if e.CBOW {
			if len(words) > 1 {
				pairs = append(pairs, [2]int{at, far})
			}
			continue
		}
		for other := max(at-far, 0); other <= min(at+far, len(words)-1); other++ {
			if other != at {
				pairs = append(pairs, [2]int{at, other})
			}
		}
	}
	for p := range min(e.Pairs, len(pairs)) {
		k := p + r.Intn(len(pairs)-p)
		pairs[p], pairs[k] = pairs[k], pairs[p]
		at, other := pairs[p][0], pairs[p][1]
		target := words[at]
		if e.CBOW {
			context := to[0].I32[p*2*e.Window:]
			for k := max(at-other, 0); k <= min(at+other, len(words)-1); k++ {
				if k != at {
					context[0], context = words[k], context[1:]
				}
			}
			to[1].I32[p] = target
		} else {
			target = words[other]
			to[0].I32[p], to[1].I32[p] = words[at], target
		}
		for k := range e.Negatives {
			to[2].I32[p*e.Negatives+k] = e.negative(target, r)
		}
	}
	return nil
}

// tries is how often a negative that is the target is drawn again: a vocabulary may have one word only.
const tries = 8

func (e *Words) negative(target int32, r *datasets.Rand) (word int32) {
	for range tries {
		u := r.Float64()
		at := sort.Search(len(e.table), func(i int) bool { return e.table[i] > u })
		if word = int32(min(at, len(e.table)-1)); word != target {
			break
		}
	}
	return word
}
