package video

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
)

// SpeedNet makes the encoder of clips tell clips at normal speed from the same ones sped up.
//
//	loss = -mean log sigmoid(+-w max_t f(x)_t),   plus where x is sped up
//
// Benaim et al., CVPR 2020, arXiv:2004.06130, section 3. Both speeds of a film are in the batch, so that only speed
// tells them apart ("same-batch training", section 3.2): its two views have different strides, [clips] stride = [1, 2]
// and deal = true. The largest value over times of each feature, a mean over places, goes into the classifier (section
// 3.1), where the backbone has features of times; else the features of the clip.
type SpeedNet struct{}

// DefaultSpeedNet has no settings: what the paper varies is of the data.
func DefaultSpeedNet() *SpeedNet { return &SpeedNet{} }

// Validate implements methods.Method.
func (m *SpeedNet) Validate() error { return nil }

// Build implements methods.Method.
func (m *SpeedNet) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	labels, speeds := pacesOf(b, 2)
	if speeds != 2 {
		op.Fail("", "clips.stride has %d speeds; this method tells two apart: want clips.stride = [1, 2]", speeds)
	}
	x := op.Concat(0, b.Views(2)...)
	h, most := (*graph.Node)(nil), (*graph.Node)(nil) // [2B,F]
	if enc.Times != nil {
		times := enc.Times(s)(x) // [2B,t,F]
		h, most = op.Mean(times, false, 1), largest(times)
	} else {
		h = enc.New(s)(x)
		most = h
	}
	logits := layer.Linear(s.In("classifier"), enc.Dim, 1, true)(most) // [2B,1]
	sped := op.Reshape(op.Float(labels, op.TypeOf(logits).DType), -1, 1)
	right := op.MeanAll(op.Equal(op.Less(s.Constant(0), logits), sped))
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms: []methods.Term{{Name: "speed", Weight: 1,
			Value: op.MeanAll(losses.BinaryCrossEntropy(logits, sped))}},
		Metrics: []methods.Metric{{Name: "speed_accuracy", Value: right}, {Name: "spread", Value: losses.Spread(h)}},
	}
}

// largest is the largest value over times of each feature, [B,t,F] -> [B,F].
func largest(x *graph.Node) *graph.Node {
	at := op.ShapeOf(x)
	pooled := op.AdaptiveMaxPool2D(op.Reshape(x, at[0], at[1], 1, at[2]), 1, 1)
	return op.Reshape(pooled, at[0], at[2])
}
