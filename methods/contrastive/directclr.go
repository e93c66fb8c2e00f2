package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DirectCLR contrasts the first features of the encoder themselves, without a projector.
//
// Jing, Vincent, LeCun, Tian, ICLR 2022, arXiv:2110.09348, section 6: InfoNCE of the first d_0 features of one view
// with those of the other views of the batch, the mean over both directions. Views of one image are compared with the
// other view of each image alone. The paper's code also trains a linear classifier on the detached features, which does
// not change the encoder: [evaluate.linear] is that.
type DirectCLR struct {
	Dimensions  int     `toml:"dimensions"`  // d_0, of the encoder's features
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultDirectCLR has the paper's settings for ImageNet, whose ResNet-50 has 2048 features.
func DefaultDirectCLR() *DirectCLR { return &DirectCLR{Dimensions: 360, Temperature: 0.1} }

// Validate implements methods.Method.
func (m *DirectCLR) Validate() error {
	return cmp.Or(setting.Least("dimensions", m.Dimensions, 1), setting.Positive("temperature", m.Temperature))
}

// Build implements methods.Method.
func (m *DirectCLR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if m.Dimensions > enc.Dim {
		op.Fail(s.Path(), "dimensions = %d: the encoder has %d features; want at most that", m.Dimensions, enc.Dim)
	}
	h, z, large := embed(s, enc, b, nil)
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: methods.OverPairs(z, large, m.loss(s))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is that of the features [B,F] of two views.
func (m *DirectCLR) loss(s *graph.Scope) func(x, y *graph.Node) *graph.Node {
	return bothWays(func(x, y *graph.Node) *graph.Node {
		first := func(h *graph.Node) *graph.Node { return op.Slice(h, 1, 0, m.Dimensions) }
		return losses.InfoNCE(s, first(x), first(y), nil, m.Temperature)
	})
}
