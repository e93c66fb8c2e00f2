package origins

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Counting makes the encoder count: what it finds in the four quarters of an image is in sum what it finds in the whole
// image, made as small as a quarter, and not what it finds in another image.
//
//	loss = |p(D x) - sum_j p(T_j x)|^2 + max(0, margin - |p(D y) - sum_j p(T_j x)|^2)
//
// Noroozi, Pirsiavash, Favaro, ICCV 2017, arXiv:1708.06734, eq. 5: T_j cuts a quarter, D halves the side, y is another
// image, here the next of the batch, and p ends in a ReLU. D is the mean of 2x2 pixels, where the paper draws one of
// several filters so that their traces do not tell D from T. Hidden layers of p have batch norm.
type Counting struct {
	Projector []int   `toml:"projector"` // widths of p; the last is how many things are counted
	Margin    float64 `toml:"margin"`    // between the counts of different images
}

// DefaultCounting has the paper's settings for ImageNet.
func DefaultCounting() *Counting { return &Counting{Projector: []int{4096, 4096, 1000}, Margin: 10} }

// Validate implements methods.Method.
func (m *Counting) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Positive("margin", m.Margin))
}

// Build implements methods.Method. The features are those of the small whole.
func (m *Counting) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, side := b.Image()
	n := b.Size()
	if side < 2 || n < 2 {
		op.Fail("", "views of %d pixels and a batch of %d: want at least 2, for quarters and for another image", side,
			n)
	}
	quarters := methods.Grid{Count: 2, Side: side / 2, Step: side / 2}
	whole := op.AvgPool2D(methods.Middle(x, quarters.Span()), op.Pool{Kernel: [2]int{2, 2}})
	h := enc.New(s)(op.Concat(0, append(quarters.Cut(s, nil, x), whole)...)) // [5B,F]
	p := op.Relu(enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h))
	var all []*graph.Node
	for i := range 5 {
		all = append(all, op.Slice(p, 0, i*n, (i+1)*n)) // [B,D]
	}
	down, parts := all[4], op.Sum(all[:4]...)
	other := op.Concat(0, op.Slice(down, 0, 1, n), op.Slice(down, 0, 0, 1))
	return methods.Objective{
		Features: op.Slice(h, 0, 4*n, 5*n),
		Terms:    m.terms(down, parts, other),
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(down)},
			{Name: "counted", Value: op.Mean(op.SumAxes(down, false, 1), false, 0)}},
	}
}

// terms compares the sums over quarters [B,D] with the counts of the own image and with those of another.
func (m *Counting) terms(own, parts, other *graph.Node) []methods.Term {
	apart := func(x *graph.Node) *graph.Node { return op.SumAxes(op.Square(op.Sub(x, parts)), false, 1) } // [B]
	return []methods.Term{
		{Name: "count", Weight: 1, Value: op.MeanAll(apart(own))},
		{Name: "contrast", Weight: 1, Value: op.MeanAll(op.Relu(op.Affine(apart(other), -1, m.Margin)))},
	}
}
