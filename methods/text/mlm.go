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
	e := needBoth(s, enc, b)
	ids := b.View(0)              // [B,T]
	there := e.Symbols.There(ids) // [B,T]
	o := m.hide(b, ids, 1, there)
	y := e.Symbols.Encode(e.Symbols.Place(o.see(s, e, b, e.Symbols.Look(ids))), there) // [B,T,D]
	loss, accuracy := o.guess(s, e, y)
	features := e.Symbols.Pool(y, there)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "mlm", Weight: 1, Value: loss}},
		Metrics:  spelled(loss, accuracy, features),
	}
}

// hidden is symbols of which some are to be guessed.
type hidden struct {
	ids             *graph.Node // [B,T]
	selected        *graph.Node // [B,T] 1 where a symbol is to be guessed
	masked, swapped *graph.Node // [B,T,1] 1 where the mask, or a symbol at random, is in its place
	pick            layer.Func
}

// hide draws which of ids [B*K,T], of K texts of each sample, are to be guessed, of those that may be: free [B*K,T].
func (m *MLM) hide(b *methods.Batch, ids *graph.Node, each int, free *graph.Node) hidden {
	n, t := op.ShapeOf(ids)[0], op.ShapeOf(ids)[1]
	drawn := b.Mask(&masks.BERT{Ratio: m.Ratio, Mask: m.Mask, Random: m.Random}, masks.Grid{Frames: each, Rows: t,
		Columns: 1})
	plane := func(i int) *graph.Node { return op.Mul(op.Reshape(op.Slice(drawn, 1, i, i+1), n, t), free) }
	o := hidden{ids: ids, selected: plane(0), masked: op.Reshape(plane(1), n, t, 1),
		swapped: op.Reshape(plane(2), n, t, 1)}
	o.pick = m.pick(op.Reshape(o.selected, n*t))
	return o
}

// see is embeddings x [B*K,T,D] of the symbols as the encoder sees them. The first symbols of a sample's noise are
// those of its texts in a row.
func (o hidden) see(s *graph.Scope, e *backbones.TokenEncoder, b *methods.Batch, x *graph.Node) *graph.Node {
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, e.Dim), 1, 1, e.Dim)
	n, noise := op.ShapeOf(o.ids), b.Field("noise") // [B,W]
	if own, want := op.ShapeOf(noise)[1], n[0]/b.Size()*n[1]; want > own {
		op.Fail("", "windows of %d symbols have no noise for %d; want a longer windows.length", own, want)
	} else if want < own {
		noise = op.Slice(noise, 1, 0, want)
	}
	return instead(instead(x, e.Symbols.Look(op.Reshape(noise, n[0], n[1])), o.swapped), mask, o.masked)
}

// guess is the loss and accuracy of the symbols, told from what the encoder makes of them, y [B,T,D].
func (o hidden) guess(s *graph.Scope, e *backbones.TokenEncoder, y *graph.Node) (loss, accuracy *graph.Node) {
	logits := heads.Tied(s.In("head"), e.Symbols.Table, 0)(o.pick(op.Reshape(y, -1, e.Dim)))
	return Guess(logits, o.pick(op.Reshape(o.ids, -1)), s.AllRows(o.pick(op.Reshape(o.selected, -1))))
}

// hiding is 1 where one of t symbols of each text is hidden, [B,t].
func hiding(b *methods.Batch, ratio float64, t int) *graph.Node {
	drawn := b.Mask(&masks.BERT{Ratio: ratio, Mask: 1}, masks.Grid{Frames: 1, Rows: t, Columns: 1})
	return op.Reshape(op.Slice(drawn, 1, 0, 1), -1, t)
}

// spread bounds how many symbols of a batch are selected, in standard deviations above the mean: one batch of 1e9 has
// more. As many are guessed, since guessing takes most of a step's time; of more, the last would not be.
const spread = 6

// places is how many of n symbols are picked where each is selected with a probability.
func places(ratio float64, n int) int {
	mean := ratio * float64(n)
	return min(n, int(math.Ceil(mean+spread*math.Sqrt(mean*(1-ratio)))))
}

// pick returns what takes the selected of all places of a batch, selected [N] 0 or 1, and the first of the others to
// fill up: x [N] or [N,D] -> [K] or [K,D], K is the same in every step.
func (m *MLM) pick(selected *graph.Node) layer.Func {
	return picker(op.Argsort(op.Neg(selected)), places(m.Ratio, op.ShapeOf(selected)[0]))
}

// picker takes the first k places of an order [N] int32.
func picker(order *graph.Node, k int) layer.Func {
	at := op.Slice(order, 0, 0, k)
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
