package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Margin pulls the two views of an image together and pushes views of different images apart up to a margin.
//
// Hadsell, Chopra, LeCun, CVPR 2006, "Dimensionality reduction by learning an invariant mapping", eq. 4: with
// distances d of unit rows and Y = 1 for a pair of one image,
//
//	Y d^2 / 2 + (1 - Y) max(0, margin - d)^2 / 2.
//
// All pairs of the 2B views are compared; pairs of one image and pairs of two count as much as each other, as the mean
// of the first plus the mean of the second. The paper draws its pairs and does not scale the rows.
type Margin struct {
	Projector []int   `toml:"projector"` // widths; the last is D; [] is none
	Margin    float64 `toml:"margin"`    // distance that different images keep; unit rows are at most 2 apart
}

// DefaultMargin has a margin of 1, as in the paper.
func DefaultMargin() *Margin { return &Margin{Projector: []int{512, 128}, Margin: 1} }

// Validate implements methods.Method.
func (m *Margin) Validate() error {
	return cmp.Or(setting.Positive("margin", m.Margin), setting.Within("margin", m.Margin, 0, 2),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *Margin) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node { return m.loss(losses.Compare(s, x, y)) })
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "margin", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is the mean of pairs of one image plus the mean of pairs of two.
func (m *Margin) loss(c losses.Comparisons) *graph.Node {
	pairs := float64(op.ShapeOf(c.Cosines)[0] * c.Count)
	far := op.SumAll(c.Sum(m.apart(op.Affine(c.Cosines, -2, 2))))
	return op.Add(op.MeanAll(together(op.Affine(c.Positive, -2, 2))), op.Scale(far, 1/pairs))
}

// closest keeps the root of a squared distance differentiable at 0.
const closest = 1e-9

// together is what pairs of one image cost, of squared distances of any shape.
func together(squares *graph.Node) *graph.Node { return op.Scale(op.Shift(squares, closest), 0.5) }

// apart is what pairs of two images cost.
func (m *Margin) apart(squares *graph.Node) *graph.Node {
	d := op.Sqrt(op.Shift(op.Relu(squares), closest))
	return op.Scale(op.Square(op.Relu(op.Affine(d, -1, m.Margin))), 0.5)
}
