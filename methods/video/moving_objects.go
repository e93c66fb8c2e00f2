package video

import (
	"errors"

	"selfsup/datasets/movers"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
)

// MovingObjects tells from one frame what in it moves: of the view's middle frame each pixel is to have the answer
// that the motion between the view's frames gives, which the network does not see.
//
//	loss = mean over pixels that are clear of BCE(logit, it moves)
//
// Pathak, Girshick, Dollar, Darrell, Hariharan, CVPR 2017, arXiv:1612.06370, sections 4.1 and 5.1. Segments of what
// moves are found by package movers from the frames alone, where the paper has uNLC on shots of YFCC100m; as there,
// pixels of which it is not clear count nowhere. The paper's network sees a crop around one segment and says a mask of
// 56x56 by a fully connected layer; here it sees the whole view, and a decoder of maps says all its pixels.
type MovingObjects struct {
	Decoder
	movers.Movers
}

// DefaultMovingObjects has 32 channels at the pixels.
func DefaultMovingObjects() *MovingObjects {
	return &MovingObjects{Decoder{Width: 32}, movers.Default()}
}

// Validate implements methods.Method.
func (m *MovingObjects) Validate() error { return errors.Join(m.Decoder.check(), m.Movers.Validate()) }

// Build implements methods.Method. The features are the middle frame's.
func (m *MovingObjects) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	logits, features := m.look(s, enc, b, x)
	moves := b.Edit(m.Movers.Of(b.Of("view0").Shape), "view0")[0] // [B,H,W]
	known := op.Greater(moves, s.Constant(-0.5))
	loss := losses.MeanOver(losses.BinaryCrossEntropy(logits, op.Relu(moves)), s.AllRows(known))
	said := op.Greater(logits, s.Constant(0))
	right := losses.MeanOver(op.Equal(said, op.Relu(moves)), known)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "moving", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "right", Value: right}, {Name: "spread", Value: losses.Spread(features)}},
	}
}

// look is the logits [B,H,W] of the middle frame of views x [B,F,H,W,C], and its features [B,D].
func (m *MovingObjects) look(s *graph.Scope, enc methods.Encoder, b *methods.Batch,
	x *graph.Node) (logits, features *graph.Node) {
	maps := b.NeedFrameMaps(s, enc)
	size := op.ShapeOf(x)
	seen := maps(op.At(x, 1, methods.Surveyed(size[1])))
	y := m.Decoder.New(s.In("decoder"), seen, size[2], size[3], 1, 1)[0]
	return op.Reshape(y, size[0], size[2], size[3]), op.GlobalAvgPool(seen[len(seen)-1])
}

// Surveys implements methods.Surveying.
func (m *MovingObjects) Surveys() string { return methods.Moving }

// Survey implements methods.Surveying.
func (m *MovingObjects) Survey(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) *graph.Node {
	logits, _ := m.look(s, enc, b, x)
	return op.Sigmoid(logits)
}
