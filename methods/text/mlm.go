// Package text holds methods for sequences of symbols: section 4.1 of the Cookbook (arXiv:2304.12210).
package text

import (
	"math"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MLM, masked language modelling, guesses symbols of a text that are hidden, from those on both sides of them.
//
// Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1, task 1, without the next sentence (task 2), as RoBERTa
// (arXiv:1907.11692, section 4.2): the masks are new in every step. The mask symbol is a parameter of the method, no
// entry of the vocabulary, and noise is drawn from the symbols of the vocabulary without padding and unknown.
type MLM struct {
	Ratio  float64 `toml:"ratio"`  // probability of a symbol to be selected: the loss is over these
	Mask   float64 `toml:"mask"`   // share of the selected that the mask symbol replaces
	Random float64 `toml:"random"` // share of the selected that a symbol at random replaces; the rest stay
}

// DefaultMLM has the paper's 15 %, of which 80 % are masked, 10 % random and 10 % as they are.
func DefaultMLM() *MLM {
	k := masks.DefaultBERT()
	return &MLM{Ratio: k.Ratio, Mask: k.Mask, Random: k.Random}
}

// Validate implements methods.Method.
func (m *MLM) Validate() error {
	switch {
	case !(m.Ratio > 0 && m.Ratio < 1):
		return setting.Bad("ratio", "%v: want a probability between 0 and 1", m.Ratio)
	case !(m.Mask >= 0 && m.Mask <= 1):
		return setting.Bad("mask", "%v: want a share from 0 to 1", m.Mask)
	case !(m.Random >= 0 && m.Mask+m.Random <= 1):
		return setting.Bad("random", "%v: want a share of at least 0, at most 1 together with mask = %v", m.Random,
			m.Mask)
	}
	return nil
}

// Build implements methods.Method. The features are those of the text as the model sees it, with its masks.
func (m *MLM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if f := b.Of("view0"); !f.Int || len(f.Of) != 1 {
		b.Unfit("the data have %v: this method guesses symbols, choose a dataset of texts such as [dataset.text]", f)
	}
	var e *backbones.TokenEncoder
	if enc.Tokens != nil {
		e = enc.Tokens(s)
	}
	if e == nil || e.Symbols == nil {
		b.Unfit("this backbone has no tokens of symbols: choose one that has, such as [backbone.transformer]")
	}
	ids := b.View(0) // [B,T]
	n, t := b.Size(), op.ShapeOf(ids)[1]
	there := e.Symbols.There(ids) // [B,T]

	drawn := b.Mask(&masks.BERT{Ratio: m.Ratio, Mask: m.Mask, Random: m.Random}, masks.Grid{Frames: 1, Rows: t,
		Columns: 1})
	plane := func(i int) *graph.Node { return op.Mul(op.Reshape(op.Slice(drawn, 1, i, i+1), n, t), there) }
	selected, hidden, swapped := plane(0), op.Reshape(plane(1), n, t, 1), op.Reshape(plane(2), n, t, 1)

	seen := e.Symbols.Look(ids) // [B,T,D]
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, e.Dim), 1, 1, e.Dim)
	seen = instead(instead(seen, e.Symbols.Look(b.Field("noise")), swapped), mask, hidden)
	y := e.Symbols.Encode(e.Symbols.Place(seen), there) // [B,T,D]

	pick := m.pick(op.Reshape(selected, n*t))
	logits := heads.Tied(s.In("head"), e.Symbols.Table, 0)(pick(op.Reshape(y, n*t, e.Dim)))
	loss, accuracy := Guess(logits, pick(op.Reshape(ids, n*t)), pick(op.Reshape(selected, n*t)))
	features := e.Symbols.Pool(y, there)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "mlm", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{
			{Name: "perplexity", Value: op.StopGradient(op.Exp(loss))}, {Name: "accuracy", Value: accuracy},
			{Name: "spread", Value: losses.Spread(features)},
		},
	}
}

// spread bounds how many symbols of a batch are selected, in standard deviations above the mean: one batch of 1e9 has
// more. As many are guessed, since guessing takes most of a step's time; of more, the last would not be.
const spread = 6

// pick returns what takes the selected of all places of a batch, selected [N] 0 or 1, and the first of the others to
// fill up: x [N] or [N,D] -> [K] or [K,D], K is the same in every step.
func (m *MLM) pick(selected *graph.Node) layer.Func {
	n := op.ShapeOf(selected)[0]
	mean := m.Ratio * float64(n)
	k := min(n, int(math.Ceil(mean+spread*math.Sqrt(mean*(1-m.Ratio)))))
	at := op.Slice(op.Argsort(op.Neg(selected)), 0, 0, k)
	return func(x *graph.Node) *graph.Node { return op.Gather(x, at) }
}

// instead is other where the mask is 1, and x where it is 0.
func instead(x, other, mask *graph.Node) *graph.Node {
	return op.Add(op.Mul(x, op.Affine(mask, -1, 1)), op.Mul(other, mask))
}

// Guess is the mean cross-entropy in nats of logits [N,V] for as many symbols ids, and the share that is right, over
// the places where selected is 1, of the whole batch.
func Guess(logits, ids, selected *graph.Node) (loss, accuracy *graph.Node) {
	flat, chosen := op.Reshape(ids, -1), op.Reshape(selected, -1)
	right := op.EqualInts(op.Argmax(logits), flat, op.TypeOf(logits).DType)
	return losses.MeanOver(op.CrossEntropy(logits, flat, 0), chosen), losses.MeanOver(right, chosen)
}
