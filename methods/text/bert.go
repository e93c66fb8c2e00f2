package text

import (
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// BERT guesses hidden symbols of two pieces of text between special symbols, and whether the second follows the first.
//
// Devlin et al. 2019, arXiv:1810.04805, section 3.1, tasks 1 and 2; the loss is the sum of both. The pieces are halves
// of a window, or the second is of another text. An embedding is added to the second piece alone: that of the first is
// one with the positions. The encoder is evaluated on texts without the special symbols, by the mean of its tokens; in
// the paper the class symbol's output is fine-tuned.
type BERT struct {
	MLM
	NextSentence bool `toml:"next_sentence"` // tell whether the second piece follows; RoBERTa does without
}

// DefaultBERT has the paper's masks and both tasks.
func DefaultBERT() *BERT { return &BERT{MLM: *DefaultMLM(), NextSentence: true} }

// Build implements methods.Method.
func (m *BERT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	v := op.ShapeOf(e.Symbols.Table)[0]
	made := b.Edit(&edits.Sentences{Symbols: v}, "view0", "other")
	pair, segments, follows := made[0], made[1], made[2] // [B,T], [B,T], [B]
	n := op.ShapeOf(pair)
	there := e.Symbols.There(pair)
	free := op.Mul(there, op.Less(s.Float(pair), s.Constant(float64(v)))) // special symbols are never hidden

	known := make([]int32, v+edits.Class+1) // special symbols, which nobody tells, are padding
	for i := range v {
		known[i] = int32(i)
	}
	words := op.Reshape(op.Gather(s.Ints("const/words", known), op.Reshape(pair, -1)), n...)
	o := m.hide(b, words, 1, free)
	seen := o.see(s, e, b, look(extended(s, e, edits.Class+1), pair)) // [B,T,D]
	second := op.Mul(s.Param("second", graph.Normal(0.02), 1, e.Dim), op.Reshape(s.Float(segments), n[0], n[1], 1))
	y := e.Symbols.Encode(e.Symbols.Place(op.Add(seen, second)), there)
	loss, accuracy := o.guess(s, e, y)
	features := e.Symbols.Pool(y, there)
	out := methods.Objective{Features: features, Terms: []methods.Term{{Name: "mlm", Weight: 1, Value: loss}},
		Metrics: spelled(loss, accuracy, features)}
	if m.NextSentence {
		logits := Follows(s, y) // [B,2]
		out.Terms = append(out.Terms, methods.Term{Name: "next_sentence", Weight: 1,
			Value: op.MeanAll(op.CrossEntropy(logits, follows, 0))})
		out.Metrics = append(out.Metrics, methods.Metric{Name: "next_sentence_accuracy",
			Value: op.Accuracy(logits, follows)})
	}
	return out
}

// Follows tells from the first token of y [B,T,D] whether two pieces follow each other, [B,2] logits: a linear layer,
// tanh and a linear layer.
func Follows(s *graph.Scope, y *graph.Node) *graph.Node {
	b, d := op.ShapeOf(y)[0], op.ShapeOf(y)[2]
	first := op.Reshape(op.Slice(y, 1, 0, 1), b, d)
	return layer.Dense(s.In("follows"), d, 2)(op.Tanh(layer.Dense(s.In("pooler"), d, d)(first)))
}
