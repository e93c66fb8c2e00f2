// Package origins holds the ancestors: pretext tasks, and methods from before today's families (section 2.1 of the
// Cookbook, arXiv:2304.12210).
package origins

import (
	"slices"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// quarters is how many turns there are to tell apart.
const quarters = 4

// Rotation makes the encoder tell by how many quarters an image was turned.
//
// Gidaris, Singh, Komodakis, ICLR 2018, arXiv:1803.07728, eq. 3 with K = 4. The views draw the turn (views.quarter_turn
// = 1.0) and the method reads it from what they drew. The authors' code puts one crop of an image into the batch in all
// four turns; here an image has so many views, each a crop of its own with a turn of its own, so that all turns are as
// frequent on average alone.
type Rotation struct {
	Copies int `toml:"copies"` // views of an image in a batch
}

// DefaultRotation has as many views of an image as the paper.
func DefaultRotation() *Rotation { return &Rotation{Copies: quarters} }

// Validate implements methods.Method.
func (m *Rotation) Validate() error {
	if m.Copies < 1 {
		return setting.Bad("copies", "%d: want at least 1 view", m.Copies)
	}
	return nil
}

// Build implements methods.Method.
func (m *Rotation) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	labels := m.labels(s, b)
	h := enc.New(s)(op.Concat(0, b.Views(m.Copies)...))                    // [copies*B,F]
	logits := layer.Linear(s.In("classifier"), enc.Dim, quarters, true)(h) // [copies*B,4]
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "rotation", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics:  []methods.Metric{{Name: "rotation_accuracy", Value: op.Accuracy(logits, labels)}},
	}
}

// labels are how many quarters each view was turned, [copies*B] int32.
func (m *Rotation) labels(s *graph.Scope, b *methods.Batch) *graph.Node {
	var turns []*graph.Node
	for v := range m.Copies {
		drawn := b.Of(feed.Params(v))
		column := slices.Index(drawn.Columns, "quarter_turns")
		switch {
		case column < 0:
			b.Unfit("nothing turns these data; this method is for images")
		case drawn.Range[column] == 0:
			op.Fail("", "view %d is never turned, so there is nothing to tell; want views.quarter_turn = 1.0", v)
		}
		turns = append(turns, op.Slice(b.Params(v), 1, column, column+1)) // [B,1]
	}
	all := s.Floats("const/quarters", []float64{0, 1, 2, 3}, 1, quarters)
	return op.Argmax(op.Equal(op.Concat(0, turns...), all))
}
