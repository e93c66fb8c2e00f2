package text

import (
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Word2Vec tells words that are near a word from words at random, by the product of two vectors, one of a table for
// words in the middle and one of a table for those around: skip-gram, or CBOW, which tells the word in the middle from
// the mean of those around it.
//
// Mikolov et al. 2013, arXiv:1301.3781, section 3, and arXiv:1310.4546, section 2.2, eq. 4, and 2.3. The backbone is
// [backbone.symbols] without hidden layers: its embeddings are the words' vectors, and the features of a text their
// mean. The gradient of CBOW is the true one, that of a mean; the authors' code does not divide by the number of
// words. The loss is the mean over the pairs of a batch, where the code takes a step for each.
type Word2Vec struct {
	Form      string  `toml:"form"`      // skipgram | cbow
	Window    int     `toml:"window"`    // words to either side, at most
	Negatives int     `toml:"negatives"` // words at random for each pair
	Pairs     int     `toml:"pairs"`     // of each text and step, at most
	Sample    float64 `toml:"sample"`    // share of the words above which one is left out now and then; 0: none is
	Power     float64 `toml:"power"`     // of the counts that negatives are drawn by
	// probability to keep a word of share f, with t = sample: code: sqrt(t/f) + t/f | paper: sqrt(t/f)
	Keep string `toml:"keep"`
}

// DefaultWord2Vec is the skip-gram with 5 negatives and the settings of the authors' code.
func DefaultWord2Vec() *Word2Vec {
	return &Word2Vec{Form: "skipgram", Window: 5, Negatives: 5, Pairs: 256, Sample: 1e-3, Power: 0.75, Keep: "code"}
}

// Validate implements methods.Method.
func (m *Word2Vec) Validate() error {
	switch {
	case m.Form != "skipgram" && m.Form != "cbow":
		return setting.Bad("form", "%q: want \"skipgram\" or \"cbow\"", m.Form)
	case m.Window < 1:
		return setting.Bad("window", "%d: want at least 1 word", m.Window)
	case m.Negatives < 1:
		return setting.Bad("negatives", "%d: want at least 1", m.Negatives)
	case m.Pairs < 1:
		return setting.Bad("pairs", "%d: want at least 1", m.Pairs)
	case !(m.Sample >= 0):
		return setting.Bad("sample", "%v: want a share, or 0 to keep all words", m.Sample)
	case !(m.Power >= 0):
		return setting.Bad("power", "%v: want at least 0", m.Power)
	case m.Keep != "code" && m.Keep != "paper":
		return setting.Bad("keep", "%q: want \"code\" or \"paper\"", m.Keep)
	}
	return nil
}

// Build implements methods.Method.
func (m *Word2Vec) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := need(s, enc, b)
	if !e.Symbols.Bag {
		op.Fail("", "this method learns vectors of words and no layers behind them; want [backbone.symbols] with "+
			"hidden = []")
	}
	in := e.Symbols.Table // [V,D]
	v := op.ShapeOf(in)[0]
	words := edits.Words{CBOW: m.Form == "cbow", Pairs: m.Pairs, Window: m.Window, Negatives: m.Negatives,
		Sample: m.Sample, Paper: m.Keep == "paper", Power: m.Power}
	if known := b.Vocabulary(); known != nil {
		words.Counts = known.Counts()
	}
	made := b.Edit(words.Ready(v), "view0")
	out := s.Param("context", graph.Fill(0), v, e.Dim) // as in the authors' code
	flat := func(x *graph.Node) *graph.Node { return op.Reshape(x, -1) }
	var hidden, target *graph.Node // [N,D], [N]
	if words.CBOW {
		n := op.ShapeOf(made[0])
		hidden, target = Around(s, in, op.Reshape(made[0], n[0]*n[1], n[2])), flat(made[1])
	} else {
		hidden, target = op.Gather(in, flat(made[0])), flat(made[1])
	}
	negatives := op.Reshape(made[2], -1, m.Negatives)
	nats := NearWords(hidden, out, target, negatives)
	there := s.AllRows(op.Less(s.Constant(0), s.Float(target)))
	ids := b.View(0)
	features := e.Symbols.Pool(e.Symbols.Look(ids), e.Symbols.There(ids))
	return methods.Objective{Features: features,
		Terms: []methods.Term{{Name: "near", Weight: 1, Value: losses.MeanOver(nats, there)}},
		Metrics: []methods.Metric{{Name: "pairs", Value: op.SumAll(there)},
			{Name: "spread", Value: losses.Spread(features)}}}
}

// NearWords is -log s(u.h) - sum_k log s(-u_k.h) for each of hidden vectors h [N,D], with u the vector of its target
// [N] and u_k those of its negatives [N,K], of the table out [V,D]: [N] nats, s the logistic function.
//
// arXiv:1310.4546, eq. 4.
func NearWords(hidden, out, target, negatives *graph.Node) *graph.Node {
	n, k := op.ShapeOf(negatives)[0], op.ShapeOf(negatives)[1]
	d := op.ShapeOf(out)[1]
	right := op.SumAxes(op.Mul(hidden, op.Gather(out, target)), false, 1) // [N]
	others := op.Reshape(op.Gather(out, op.Reshape(negatives, -1)), n, k, d)
	wrong := op.SumAxes(op.Mul(others, op.Reshape(hidden, n, 1, d)), false, 2) // [N,K]
	return op.Add(op.Softplus(op.Neg(right)), op.SumAxes(op.Softplus(wrong), false, 1))
}

// Around is the mean of the vectors, of a table [V,D], of the words around each, context [N,W] with padding: [N,D].
func Around(s *graph.Scope, table, context *graph.Node) *graph.Node {
	there := op.Less(s.Constant(0), s.Float(context)) // [N,W]
	n := op.ShapeOf(context)
	sum := op.SumAxes(op.Mul(look(table, context), op.Reshape(there, n[0], n[1], 1)), false, 1)
	return op.Div(sum, op.Shift(op.Relu(op.Shift(op.SumAxes(there, true, 1), -1)), 1))
}
