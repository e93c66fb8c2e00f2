package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// TCL, time-contrastive learning, divides a series of samples into segments and makes a linear classifier on the
// features tell a sample's segment.
//
//	loss = -mean_t log softmax(W h(x_t) + b)_(segment of t)
//
// Hyvarinen and Morioka, NIPS 2016, arXiv:1605.06336, section 3. Where the samples are an invertible function of
// independent sources whose variance changes from segment to segment, the features then are, up to a linear map, what
// the sources' log-densities are made of, such as |s| (theorem 1): it is nonlinear independent component analysis,
// which [evaluate.recovery] judges. The training set has its samples in the order of time, and all segments are as
// long; of recordings, with as many segments as there are recordings, each is one, seen through windows at random
// places. The paper's features end in absolute values, which a layer of twice as many ReLUs can hold.
type TCL struct {
	Segments int `toml:"segments"` // that the series is cut into
}

// DefaultTCL has the number of segments that the paper's simulations end with.
func DefaultTCL() *TCL { return &TCL{Segments: 256} }

// Validate implements methods.Method.
func (m *TCL) Validate() error { return setting.Least("segments", m.Segments, 2) }

// Build implements methods.Method.
func (m *TCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n := b.SetSize()
	if n < m.Segments {
		op.Fail("", "segments = %d of %d training samples; want at most one a sample", m.Segments, n)
	}
	h := enc.New(s)(b.View(0)) // [B,F]
	logits := layer.Linear(s.In("classifier"), enc.Dim, m.Segments, true)(h)
	of := op.Gather(s.Ints("const/segments", m.segments(n)), b.Rows()) // [B]
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "segment", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, of, 0))}},
		Metrics: []methods.Metric{{Name: "segment_accuracy", Value: op.Accuracy(logits, of)},
			{Name: "spread", Value: losses.Spread(h)}},
	}
}

// segments are the segment of each of n samples in a row, equally long but for rounding.
func (m *TCL) segments(n int) []int32 {
	of := make([]int32, n)
	for i := range of {
		of[i] = int32(i * m.Segments / n)
	}
	return of
}
