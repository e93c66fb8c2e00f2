package audio

import (
	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Spans is how runs of steps are hidden, in the methods that have an encoder see an utterance with holes.
type Spans struct {
	Mask   float64 `toml:"mask"`   // fraction of the steps that runs cover, were there no overlaps
	Length int     `toml:"length"` // steps of a run
}

func (m *Spans) check() error {
	if !(m.Mask > 0 && m.Mask <= 1) {
		return setting.Bad("mask", "%v: want a fraction above 0, at most 1", m.Mask)
	}
	return setting.Least("length", m.Length, 1)
}

// utterance is a batch of recordings while a method reads it.
type utterance struct {
	*backbones.SpeechEncoder
	x      *graph.Node // waves [B,T,C]
	there  *graph.Node // [B,S] 1 for steps that begin in the recording, 0 for padding
	hidden *graph.Node // [B,S] 1 for steps that are there and hidden
	most   int         // hidden steps of a recording, at most
}

// listen is view 0 through the encoder's steps, with hidden ones. What is no wave and what has no steps stop the build.
func (m *Spans) listen(s *graph.Scope, enc methods.Encoder, b *methods.Batch) utterance {
	if f := b.Of("view0"); f.Int || len(f.Shape) != 2 {
		b.Unfit("the data have %v: this method hides steps of waves, choose a dataset of recordings such as "+
			"[dataset.wav]", f)
	}
	if enc.Speech == nil {
		b.Unfit("this backbone has no tokens of steps: choose [backbone.wav2vec2]")
	}
	u := utterance{SpeechEncoder: enc.Speech(s), x: b.View(0)}
	spans, grid := &masks.Span{Ratio: m.Mask, Length: m.Length}, masks.Grid{Frames: 1, Rows: u.Rows, Columns: 1}
	u.there = present(s, b.Field("length"), u.Rows, u.Hop)
	u.hidden = op.Mul(op.Reshape(b.Mask(spans, grid), b.Size(), u.Rows), u.there)
	u.most = spans.Most(grid)
	return u
}

// present is 1 for the steps that begin in a recording and 0 for those of padding, [B,S], from its samples, length [B].
func present(s *graph.Scope, length *graph.Node, steps, hop int) *graph.Node {
	at := make([]float64, steps)
	for i := range at {
		at[i] = float64(i * hop)
	}
	return op.Less(s.Floats("const/at", at, 1, steps), op.Reshape(s.Float(length), -1, 1))
}

// hide puts a token in place of hidden steps, adds positions and makes contexts: tokens [B,S,D] -> [B,S,D]. As in
// evaluation padding is silence, which is attended to and counts in the features.
func (u *utterance) hide(tokens, token *graph.Node) *graph.Node {
	h := op.Reshape(u.hidden, op.ShapeOf(u.hidden)[0], u.Rows, 1)
	tokens = op.Add(op.Mul(tokens, op.Affine(h, -1, 1)), op.Mul(token, h))
	return u.Encode(u.Place(tokens, u.x))
}

// holeToken is a learned token [1,1,D] in place of hidden steps, uniform in [0,1) at first as in wav2vec 2.0's code.
func holeToken(s *graph.Scope, dim int) *graph.Node {
	return op.Reshape(s.Param("mask", uniform, 1, dim), 1, 1, dim)
}

// deviation is the mean over D of the deviation of rows [N,D] that are chosen [N]: the root of the unbiased variance
// plus 1e-6, as in data2vec's code, which watches for a collapse by it.
func deviation(rows, chosen *graph.Node) *graph.Node {
	w := op.Reshape(chosen, -1, 1)
	n := op.SumAll(chosen)
	mean := op.Div(op.SumAxes(op.Mul(rows, w), true, 0), losses.Larger(n, op.Affine(n, 0, 1)))
	squares := op.SumAxes(op.Mul(op.Square(op.Sub(rows, mean)), w), false, 0)
	variance := op.Div(squares, losses.Larger(op.Shift(n, -1), op.Affine(n, 0, 1)))
	return op.MeanAll(op.Sqrt(op.Shift(variance, 1e-6)))
}
