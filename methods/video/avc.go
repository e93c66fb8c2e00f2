package video

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// AVC tells of frames and a sound whether they belong together: audio-visual correspondence. Half of the pairs are
// true, the others have the sound of the next sample of the batch.
//
//	logits = W2 relu(W1 [f, g]),  loss = CE(logits, true or not)
//
// Arandjelovic and Zisserman, ICCV 2017, arXiv:1705.08168, sections 3 and 3.1: L3-Net, whose features are
// concatenated and read by two layers, the first of 128. The paper shows one frame and the second of sound around it;
// here it is what [clips] and [windows] show, and the paper's batch of half false pairs has each sample both ways.
type AVC struct {
	Hearing
	Width int `toml:"width"` // of the layer that reads both features
}

// DefaultAVC has the paper's width.
func DefaultAVC() *AVC { return &AVC{Hearing: defaultHearing(), Width: 128} }

// Validate implements methods.Method.
func (m *AVC) Validate() error { return setting.Least("width", m.Width, 1) }

// Build implements methods.Method. The features are the clip's.
func (m *AVC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n := b.Size()
	if n < 2 {
		op.Fail("", "a batch of %d: the sound that does not belong is another sample's; want at least 2", n)
	}
	hear, dim := m.tower("avc", s, b.Of(soundField))
	h, g := enc.New(s)(b.View(0)), hear(b.Field(soundField)) // [B,F], [B,G]
	other := op.Concat(0, op.Slice(g, 0, 1, n), op.Slice(g, 0, 0, 1))
	pairs := op.Concat(0, op.Concat(1, h, g), op.Concat(1, h, other)) // [2B,F+G], the true ones first
	at := s.In("correspondence")
	judge := layer.Chain(layer.Dense(at.In("0"), enc.Dim+dim, m.Width), layer.Relu, layer.Dense(at.In("1"), m.Width, 2))
	truth := make([]int32, 2*n)
	for i := range n {
		truth[i] = 1
	}
	logits, labels := judge(pairs), s.Ints("const/true", truth)
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "correspondence", Weight: 1,
			Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics: []methods.Metric{{Name: "right", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(h)}},
		Alarms: []methods.Alarm{methods.Guessing("correspondence", 2, "lower the learning rate")},
	}
}
