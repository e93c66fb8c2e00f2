package audio

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Wav2Vec2 hides runs of an utterance's steps and tells, by the context, which of some quantised steps of the utterance
// is the hidden one.
//
//	loss = mean over hidden steps of -log( e^(cos(c,q)/t) / sum over q and K others of e^(cos(c,q')/t) )
//	       + diversity * (G V - perplexity) / (G V) + penalty * mean square of the convolutions' steps
//
// Baevski et al., NeurIPS 2020, arXiv:2006.11477, eq. 2 to 4, with the penalty of the authors' code. Distractors are
// hidden steps of the same utterance, here drawn without replacement; one that is quantised alike does not count.
// Utterances keep all their hidden steps, where the code cuts a batch to the fewest.
type Wav2Vec2 struct {
	Spans
	Quantiser
	Distractors int     `toml:"distractors"` // K: at most; those that an utterance has
	Dim         int     `toml:"dim"`         // of what is compared
	Softness    float64 `toml:"softness"`    // t, a temperature of cosines
	Diversity   float64 `toml:"diversity"`   // weight
	Penalty     float64 `toml:"penalty"`     // weight
	Convolving  float64 `toml:"convolving"`  // factor of the gradient that reaches the convolutions
}

// DefaultWav2Vec2 has the settings of the paper's BASE.
func DefaultWav2Vec2() *Wav2Vec2 {
	return &Wav2Vec2{Spans: Spans{Mask: 0.65, Length: 10}, Quantiser: Quantiser{Books: 2, Entries: 320, Codes: 256,
		Temperature: [2]float64{2, 0.5}, Decay: 0.999995}, Distractors: 100, Dim: 256, Softness: 0.1, Diversity: 0.1,
		Penalty: 10, Convolving: 0.1}
}

// Validate implements methods.Method.
func (m *Wav2Vec2) Validate() error {
	return errors.Join(m.Spans.check(), m.Quantiser.check(), setting.Least("distractors", m.Distractors, 1),
		setting.Least("dim", m.Dim, 1), setting.Positive("softness", m.Softness), setting.Weight("diversity",
			m.Diversity),
		setting.Weight("penalty", m.Penalty), setting.Within("convolving", m.Convolving, 0, 1))
}

// Build implements methods.Method. The features are the mean contexts of the utterance with its holes.
func (m *Wav2Vec2) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	u := m.listen(s, enc, b)
	steps := u.Steps(u.x)
	slow := op.Add(op.Scale(steps, m.Convolving), op.Scale(op.StopGradient(steps), 1-m.Convolving))
	z := u.Level(slow) // [B,S,W]
	c := u.hide(u.Enter(z), holeToken(s, u.Dim))

	n, k := b.Size(), u.most
	at := op.TopK(u.hidden, k) // hidden steps first
	picked := op.Reshape(op.GatherTokens(op.Reshape(u.hidden, n, u.Rows, 1), at), n, k)
	temperature := s.Scheduled("gumbel_temperature", func(t graph.Time) float64 {
		return max(m.Temperature[0]*math.Pow(m.Decay, float64(t.Step)), m.Temperature[1])
	})
	draws := s.Random("gumbel")
	q := m.Of(s.In("quantiser"), op.Reshape(op.GatherTokens(z, at), n*k, u.Width), op.Reshape(picked, n*k), temperature,
		func(int) *graph.Node { return gumbel(draws, n*k, m.Entries) })
	project := func(name string, x *graph.Node, from int) *graph.Node {
		return op.Reshape(layer.Dense(s.In(name), from, m.Dim)(op.Reshape(x, n, k, from)), n, k, m.Dim)
	}
	goal, guess := project("goal", q.Codes, m.Codes), project("guess", op.GatherTokens(c, at), u.Dim)
	others, known := m.draw(s, picked)
	each, right := Distinguish(s, guess, goal, others, known, m.Softness)
	features := u.Pool(c)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "contrast", Weight: 1, Value: losses.MeanOver(each, s.AllRows(picked))},
			{Name: "diversity", Weight: m.Diversity, Value: q.Diversity},
			{Name: "penalty", Weight: m.Penalty, Value: op.MeanAll(op.Square(slow))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: losses.MeanOver(right, picked)},
			{Name: "perplexity", Value: q.Perplexity}, {Name: "entries_used", Value: q.Used},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// draw picks distractors for each of K hidden steps among the others of its utterance, picked [B,K]: places
// [B,K*D] int32, and which are there [B,K,D].
func (m *Wav2Vec2) draw(s *graph.Scope, picked *graph.Node) (others, known *graph.Node) {
	n, k := op.ShapeOf(picked)[0], op.ShapeOf(picked)[1]
	d := min(m.Distractors, k-1)
	if d < 1 {
		op.Fail(s.Path(), "runs hide %d step of an utterance, which has no distractors; want a higher mask, or longer "+
			"windows", k)
	}
	chances := op.Add(s.Random("distractors").Uniform(n, k, k), op.Scale(op.Reshape(picked, n, 1, k), 2))
	chances = op.Sub(chances, op.Reshape(op.Scale(s.Identity(k), 8), 1, k, k))
	others = op.Reshape(op.TopK(op.StopGradient(chances), d), n, k*d)
	return others, op.Reshape(op.GatherTokens(op.Reshape(picked, n, k, 1), others), n, k, d)
}

// Distinguish is the cross-entropy in nats [B,K] of telling goals y [B,K,D] by guesses x [B,K,D] from goals at other
// places [B,K*N] int32 of the same row, and whether the goal is the nearest. known [B,K,N] is 1 for those that are
// there; nil: all. Others that are equal to the goal do not count.
func Distinguish(s *graph.Scope, x, y, others, known *graph.Node, softness float64) (each, right *graph.Node) {
	shape := op.ShapeOf(x)
	b, k, d := shape[0], shape[1], shape[2]
	n := op.ShapeOf(others)[1] / k
	goal := op.Reshape(y, b, k, 1, d)
	other := op.Reshape(op.GatherTokens(y, others), b, k, n, d)
	alike := s.Equal(op.SumAxes(op.Abs(op.StopGradient(op.Sub(other, goal))), false, 3), s.Constant(0)) // [B,K,N]
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(x, 1e-8) }
	guess := op.Reshape(unit(x), b, k, 1, d)
	cosines := op.SumAxes(op.Mul(guess, unit(op.Concat(2, goal, other))), false, 3) // [B,K,1+N]
	out := alike
	if known != nil {
		out = op.Add(out, op.Affine(known, -1, 1))
	}
	out = op.Concat(2, op.Scale(op.Slice(op.StopGradient(cosines), 2, 0, 1), 0), out)
	logits := op.Reshape(op.Sub(op.Scale(cosines, 1/softness), op.Scale(out, 1e9)), b*k, 1+n)
	first := s.Ints("const/first", make([]int32, b*k))
	nearest := op.EqualInts(op.Argmax(logits), first, op.TypeOf(logits).DType)
	return op.Reshape(op.CrossEntropy(logits, first, 0), b, k), op.Reshape(nearest, b, k)
}
