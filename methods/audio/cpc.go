// Package audio holds methods for sound recordings: section 4.1 of the Cookbook (arXiv:2304.12210).
package audio

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// CPC, contrastive predictive coding, tells the coming steps of a recording from other steps, by the context of the
// steps so far.
//
// Van den Oord et al. 2018, arXiv:1807.03748, eq. 3 and 4: a linear predictor for each distance. As in CPC_audio
// (Riviere et al. 2020, arXiv:2002.02848) a score is the product divided by the channels of a step, and the loss is the
// sum over the distances. Every other step of the batch, or of the recording, is a negative, where both draw some at
// random. Steps of padding are neither predicted nor negatives.
type CPC struct {
	Predictions int    `toml:"predictions"` // K: distances, of 1 to K steps
	Negatives   string `toml:"negatives"`   // steps of the whole batch | of the same sequence
}

// Values of Negatives: "mixed speaker" and "current sequence only" of the paper's table 2.
const (
	ofBatch    = "batch"
	ofSequence = "sequence"
)

// DefaultCPC has the paper's settings (section 3.1).
func DefaultCPC() *CPC { return &CPC{Predictions: 12, Negatives: ofBatch} }

// Validate implements methods.Method.
func (m *CPC) Validate() error {
	switch {
	case m.Predictions < 1:
		return setting.Bad("predictions", "%d: want at least 1 step", m.Predictions)
	case m.Negatives != ofBatch && m.Negatives != ofSequence:
		return setting.Bad("negatives", "%q: want %q or %q", m.Negatives, ofBatch, ofSequence)
	}
	return nil
}

// Build implements methods.Method. The features are the mean contexts.
func (m *CPC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if f := b.Of("view0"); f.Int || len(f.Shape) != 2 {
		b.Unfit("the data have %v: this method predicts steps of waves, choose a dataset of recordings such as "+
			"[dataset.wav]", f)
	}
	if enc.Steps == nil {
		b.Unfit("this backbone has no steps to predict: choose one that has, such as [backbone.wave]")
	}
	e := enc.Steps(s)
	z := e.Encode(b.View(0)) // [B,S,D]
	c := e.Context(z)        // [B,S,F]
	features := e.Pool(c)
	steps := op.ShapeOf(z)[1]
	if m.Predictions >= steps {
		op.Fail("", "predictions = %d of windows of %d steps; want fewer than that, or a longer windows.length",
			m.Predictions, steps)
	}
	there := m.there(s, b.Field("length"), steps, e.Hop)
	p := Prediction{Scope: s, C: s.AllRows(c), Z: s.AllRows(z), There: s.AllRows(there), Window: steps - m.Predictions,
		Apart: m.Negatives == ofSequence}
	var loss, right []*graph.Node
	for k := 1; k <= m.Predictions; k++ {
		l, a := p.Ahead(k, nil)
		loss, right = append(loss, l), append(right, a)
	}
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: op.Sum(loss...)}},
		Metrics: []methods.Metric{
			{Name: "next", Value: right[0]}, {Name: "last", Value: right[len(right)-1]},
			{Name: "spread", Value: losses.Spread(features)},
		},
	}
}

// there is 1 for the steps that begin in the recording and 0 for those of padding, [B,S], from its samples, length [B].
func (m *CPC) there(s *graph.Scope, length *graph.Node, steps, hop int) *graph.Node {
	at := make([]float64, steps)
	for i := range at {
		at[i] = float64(i * hop)
	}
	return op.Less(s.Floats("const/at", at, 1, steps), op.Reshape(s.Float(length), -1, 1))
}

// Prediction scores steps, so that they can be told apart.
type Prediction struct {
	*graph.Scope
	C, Z   *graph.Node // [B,S,F] contexts and [B,S,D] steps
	There  *graph.Node // [B,S] 1 for steps, 0 for padding
	Window int         // contexts that predict: those of the first steps
	Apart  bool        // only steps of the same sequence are told apart
}

// Ahead is the mean cross-entropy in nats of picking step t+k by the context of step t < Window, and the share that is
// right. The scores are shifted by bias [1,B*Window,B*S]; nil: padding alone is left out.
func (p Prediction) Ahead(k int, bias *graph.Node) (loss, right *graph.Node) {
	b, steps, d := op.ShapeOf(p.Z)[0], op.ShapeOf(p.Z)[1], op.ShapeOf(p.Z)[2]
	groups, rows := 1, b*p.Window
	if p.Apart {
		groups, rows = b, p.Window
	}
	width := b * steps / groups // candidates of a context
	if bias == nil {
		bias = op.Reshape(op.Scale(op.Shift(p.There, -1), 1e9), groups, 1, width)
	}
	seen := op.Reshape(op.Slice(p.C, 1, 0, p.Window), b*p.Window, -1)
	predict := layer.Linear(p.In("predictor").In(fmt.Sprint(k)), op.ShapeOf(p.C)[2], d, false)
	guess := op.Reshape(predict(seen), groups, rows, d)
	scores := op.Scale(op.MatMul(guess, op.Reshape(p.Z, groups, width, d), false, true), 1/float64(d))
	scores = op.Reshape(op.Add(scores, bias), b*p.Window, width)
	next := make([]int32, b*p.Window)
	for i := range next {
		next[i] = int32((i/p.Window*steps + i%p.Window + k) % width)
	}
	labels := p.Ints(fmt.Sprintf("const/next%d", k), next)
	counted := op.Reshape(op.Slice(p.There, 1, k, k+p.Window), -1)
	correct := op.EqualInts(op.Argmax(scores), labels, op.TypeOf(scores).DType)
	return losses.MeanOver(op.CrossEntropy(scores, labels, 0), counted), losses.MeanOver(correct, counted)
}
