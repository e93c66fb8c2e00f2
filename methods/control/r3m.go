package control

import (
	"errors"
	"fmt"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// R3M learns features for manipulation from videos that somebody has described: observations near in time are near,
// and how far a task has come can be told from the words.
//
//	tcn = -ln exp s(k,j) / ( exp s(k,j) + exp s(k,i) + sum exp s(k,k') ) - the same of j, i
//	language = -ln exp g(0,k,l) / ( exp g(0,k,l) + exp g(0,k-,l) + sum exp g(0',k',l) )
//
// Nair et al., CoRL 2022, arXiv:2203.12601, eq. 1 and 2. i < j < k are observations of one episode, s is minus their
// distance, k' and 0' are of other episodes and k- is an earlier one; the features' norms are kept small. As in the
// authors' code the second term of tcn goes by the middle one, and language has three pairs of an early and a late
// observation. Words are embedded and averaged here, where the paper has DistilBERT's sentences.
type R3M struct {
	Time      float64 `toml:"time"`      // weight of the contrast in time
	Language  float64 `toml:"language"`  // weight of the words; 0: none
	L1        float64 `toml:"l1"`        // weight of the features' sums of magnitudes
	L2        float64 `toml:"l2"`        // weight of their lengths
	Negatives int     `toml:"negatives"` // orders of the batch whose observations are negatives
	Hidden    int     `toml:"hidden"`    // width of the layers of g
	Layers    int     `toml:"layers"`    // of g
	Words     int     `toml:"words"`     // width of a word's embedding
}

// DefaultR3M has the authors' settings, with a smaller g.
func DefaultR3M() *R3M {
	return &R3M{Time: 1, Language: 1, L1: 1e-5, L2: 1e-5, Negatives: 3, Hidden: 256, Layers: 5, Words: 64}
}

// Validate implements methods.Method.
func (m *R3M) Validate() error {
	return errors.Join(setting.Weight("time", m.Time), setting.Weight("language", m.Language),
		setting.Weight("l1", m.L1), setting.Weight("l2", m.L2), setting.Least("negatives", m.Negatives, 1),
		setting.Least("hidden", m.Hidden, 1), setting.Least("layers", m.Layers, 1), setting.Least("words", m.Words, 1))
}

// Build implements methods.Method.
func (m *R3M) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, n := enc.New(s), b.Size()
	e := embedded(encode, b.Field(steps.Trail)) // [B,5,F]
	orders := permutations(s.In("time"), n, 2*m.Negatives)
	var pairs [][2]*graph.Node
	for i := 0; i < len(orders); i += 2 {
		pairs = append(pairs, [2]*graph.Node{orders[i], orders[i+1]})
	}
	small, short := sizes(e)
	o := methods.Objective{
		Features: encode(b.View(0)),
		Terms: []methods.Term{{Name: "time", Weight: m.Time, Value: contrastTime(e, pairs)},
			{Name: "l1", Weight: m.L1, Value: small}, {Name: "l2", Weight: m.L2, Value: short}},
		Metrics: []methods.Metric{spread(at(e, 4))},
	}
	if m.Language > 0 {
		words := m.sentence(s.In("words"), b)
		widths := make([]int, m.Layers)
		for i := range widths {
			widths[i] = m.Hidden
		}
		widths[m.Layers-1] = 1
		reward := heads.Plain(s.In("reward"), 2*enc.Dim+m.Words, widths...)
		orders := permutations(s.In("language"), n, 3*m.Negatives)
		var triples [][3]*graph.Node
		for i := 0; i < len(orders); i += 3 {
			triples = append(triples, [3]*graph.Node(orders[i:i+3]))
		}
		told, right := contrastWords(reward, e, words, triples)
		ones := op.Shift(op.Scale(at(told, 0), 0), 1)
		o.Terms = append(o.Terms, methods.Term{Name: "language", Weight: m.Language, Value: wordLoss(told, ones)})
		o.Metrics = append(o.Metrics, methods.Metric{Name: "told", Value: op.MeanAll(at(right, 0))})
	}
	return o
}

// sentence is the mean embedding [B,W] of an instruction's words.
func (m *R3M) sentence(s *graph.Scope, b *methods.Batch) *graph.Node {
	ids, f := b.Field(steps.Instruction), b.Of(steps.Instruction)
	table := s.Param("embedding", graph.Normal(1), f.Of[0], m.Words)
	n, t := b.Size(), f.Shape[0]
	all := op.Reshape(op.Gather(table, op.Reshape(ids, n*t)), n, t, m.Words)
	padding := s.Equal(ids, s.Ints(fmt.Sprintf("const/padding%d", t), make([]int32, t)))
	there := op.Reshape(op.Affine(padding, -1, 1), n, t, 1)
	words := op.Shift(op.Relu(op.Shift(op.SumAxes(there, false, 1), -1)), 1) // [B,1], at least 1
	return op.Div(op.SumAxes(op.Mul(all, there), false, 1), words)
}

// r3mLeast keeps fractions and logarithms finite.
const r3mLeast = 1e-8

// share is exp(a) / (exp(a) + the other exponentials), and its logarithm, both as the authors have them.
func share(own *graph.Node, others ...*graph.Node) (p, log *graph.Node) {
	up := op.Exp(own)
	p = op.Div(up, op.Shift(op.Add(up, op.Sum(others...)), r3mLeast))
	return p, op.Log(op.Shift(p, r3mLeast))
}

// contrastTime is the loss in time of features [B,5,F]: the first, the last, and three in order. Each pair of orders
// gives a negative for the earliest and for the latest of the three.
func contrastTime(e *graph.Node, orders [][2]*graph.Node) *graph.Node {
	i, j, k := at(e, 2), at(e, 3), at(e, 4)
	near := func(a, b *graph.Node) *graph.Node { return op.Neg(norms(op.Sub(a, b))) }
	ki, kj, ij := near(k, i), near(k, j), near(i, j)
	others := func(of *graph.Node, slot int) (all []*graph.Node) {
		for _, o := range orders {
			all = append(all, op.Exp(near(of, reordered(of, o[slot]))))
		}
		return all
	}
	_, late := share(kj, append(others(k, 1), op.Exp(ki))...)
	_, early := share(ij, append(others(i, 0), op.Exp(ki))...)
	return op.Scale(op.MeanAll(op.Add(late, early)), -0.5)
}

// contrastWords are the losses [B,3] of pairs of an early and a late observation and their words [B,W], and 1 where
// the own pair has the largest reward.
func contrastWords(reward layer.Func, e, words *graph.Node, orders [][3]*graph.Node) (loss, right *graph.Node) {
	first := at(e, 0)
	paid := func(a, b *graph.Node) *graph.Node { return op.Reshape(reward(op.Concat(1, a, b, words)), -1) }
	var each, best []*graph.Node
	for slot, pair := range [][2]int{{1, 0}, {3, 2}, {4, 3}} {
		own := paid(first, at(e, pair[0]))
		less := paid(first, at(e, pair[1]))
		others := []*graph.Node{op.Exp(less)}
		wins := op.Greater(own, less)
		for _, o := range orders {
			other := paid(reordered(first, o[slot]), reordered(at(e, pair[0]), o[slot]))
			others = append(others, op.Exp(other))
			wins = op.Mul(wins, op.Greater(own, other))
		}
		_, log := share(own, others...)
		each, best = append(each, op.Reshape(op.Neg(log), -1, 1)), append(best, op.Reshape(wins, -1, 1))
	}
	return op.Concat(1, each...), op.Concat(1, best...)
}

// wordLoss is the mean of losses [B,3], over the batch with those that have no words (has [B] is 0), which are 0.
func wordLoss(each, has *graph.Node) *graph.Node { return op.MeanAll(op.Mul(rowMeans(each), has)) }
