package video

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// EgoMotion tells from the first and the last frame of a view how the camera has moved between them: one network sees
// both, and a small one, of both features, says for each axis in which of evenly spaced bins the way lies.
//
//	loss = mean over axes of CE(W_a relu(W [f(first), f(last)]), bin of the way along a)
//
// Agrawal, Carreira, Malik, ICCV 2015, arXiv:1505.01750, section 4: 20 bins for each of X, Y and Z, which the paper's
// cars turn about and move along. Here there are the two axes of a camera that moves sideways, in the view's width and
// height at depth 1; ways beyond the bins are in the outermost. The backbone sees frames by themselves,
// [backbone.per_frame].
type EgoMotion struct {
	Bins  int     `toml:"bins"`  // of an axis
	Reach float64 `toml:"reach"` // of the bins, from -reach to reach, in the view's sides at depth 1
	Width int     `toml:"width"` // of the layer that reads both features
}

// DefaultEgoMotion has the paper's bins.
func DefaultEgoMotion() *EgoMotion { return &EgoMotion{Bins: 20, Reach: 0.5, Width: 128} }

// Validate implements methods.Method.
func (m *EgoMotion) Validate() error {
	return errors.Join(setting.Least("bins", m.Bins, 2), setting.Positive("reach", m.Reach),
		setting.Least("width", m.Width, 1))
}

// Build implements methods.Method. The features are the mean of the frames'.
func (m *EgoMotion) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, n := b.View(0), b.Size()
	logits, features := m.compare(s, enc, b, x)
	f := op.ShapeOf(x)[1]
	way := op.Reshape(op.Slice(b.Field("camera"), 1, f-1, f), n, 2)
	var all, right []*graph.Node
	for axis, l := range logits {
		bin := m.bin(op.Reshape(op.Slice(way, 1, axis, axis+1), n))
		all = append(all, op.MeanAll(op.CrossEntropy(l, bin, 0)))
		right = append(right, op.Accuracy(l, bin))
	}
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "right", Weight: 0.5, Value: all[0]},
			{Name: "down", Weight: 0.5, Value: all[1]}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Scale(op.Sum(right...), 0.5)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// compare is the logits [B,bins] of each axis for views x [B,F,H,W,C], and the mean features of the two frames [B,D].
func (m *EgoMotion) compare(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) (logits []*graph.Node,
	features *graph.Node) {
	if enc.Frames == nil {
		b.Unfit("this backbone has no features of single frames: choose [backbone.per_frame] and a dataset of clips")
	}
	n, f := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
	if f < 2 {
		op.Fail("", "views of %d frame: the camera moves from a view's first frame to its last; want [clips] "+
			"frames = 2 or more", f)
	}
	h := enc.Frames(s)(op.Concat(1, op.Slice(x, 1, 0, 1), op.Slice(x, 1, f-1, f))) // [B,2,D]
	at := s.In("motion")
	both := layer.Chain(layer.Dense(at.In("0"), 2*enc.Dim, m.Width), layer.Relu)(op.Reshape(h, n, 2*enc.Dim))
	for axis := range 2 {
		logits = append(logits, layer.Dense(at.In(fmt.Sprint("axis", axis)), m.Width, m.Bins)(both))
	}
	return logits, op.Mean(h, false, 1)
}

// bin is the number of the bin of each way [B], int32 [B].
func (m *EgoMotion) bin(way *graph.Node) *graph.Node {
	at := op.Affine(way, float64(m.Bins)/(2*m.Reach), float64(m.Bins)/2)
	return op.Int(layer.AtMost(layer.AtLeast(at, 0), float64(m.Bins)-0.5))
}

// Ride implements methods.Riding: the mean of the bins' middles under the probabilities.
func (m *EgoMotion) Ride(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) *graph.Node {
	logits, _ := m.compare(s, enc, b, x)
	middles := make([]float64, m.Bins)
	for k := range middles {
		middles[k] = m.Reach * (2*(float64(k)+0.5)/float64(m.Bins) - 1)
	}
	of := s.Floats("const/middles", middles, m.Bins, 1)
	var ways []*graph.Node
	for _, l := range logits {
		ways = append(ways, op.MatMul(op.Softmax(l), of, false, false))
	}
	return op.Concat(1, ways...)
}
