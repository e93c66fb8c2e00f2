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

// Triplet keeps the other view of an image closer than a view of another image, by a margin.
//
// Schroff, Kalenichenko, Philbin, CVPR 2015, arXiv:1503.03832, sections 3.1 and 3.2: of unit rows, the mean over the
// 2B views a with partner p of
//
//	max(0, d(a,p) - d(a,n) + margin),   d the squared distance, or the distance,
//
// where n is mined among the views of other images of the batch: hard: the nearest, which from the beginning of a
// training collapses the embedding, as the paper says and small trainings here do; semi_hard: the nearest that is
// farther than p, and where none is, the farthest of all; all: every one, and the mean over them. Mining has no
// gradient. The distance adds 1e-6 to every difference, as PyTorch's TripletMarginLoss does. With all and squared
// distances over two it is phi_psi's triplet, with negatives of both views.
type Triplet struct {
	Projector []int   `toml:"projector"` // widths; the last is D; [] is none
	Margin    float64 `toml:"margin"`    // in the unit of the distance
	Mining    string  `toml:"mining"`    // hard, semi_hard or all
	Squared   bool    `toml:"squared"`   // distances
}

// DefaultTriplet has the paper's settings.
func DefaultTriplet() *Triplet {
	return &Triplet{Projector: []int{512, 128}, Margin: 0.2, Mining: "semi_hard", Squared: true}
}

// nudge is added to every difference of a distance, so that it is differentiable at 0.
const nudge = 1e-6

// Validate implements methods.Method.
func (m *Triplet) Validate() error {
	if m.Mining != "hard" && m.Mining != "semi_hard" && m.Mining != "all" {
		return setting.Bad("mining", "%q: want hard, semi_hard or all", m.Mining)
	}
	return cmp.Or(setting.Positive("margin", m.Margin), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *Triplet) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node { return m.loss(s, x, y) })
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "triplet", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is that of two views x and y [B,D] of the same images.
func (m *Triplet) loss(s *graph.Scope, x, y *graph.Node) *graph.Node {
	a, p := allViews(s, []*graph.Node{x, y}), allViews(s, []*graph.Node{y, x}) // [2B,D]
	c := losses.Compare(s, x, y)
	if m.Mining == "all" {
		over := c.Sum(m.hinge(m.distance(a, p), m.root(op.Affine(c.Cosines, -2, 2)))) // [2B,1]
		return op.Scale(op.MeanAll(over), 1/float64(c.Count))
	}
	return op.MeanAll(m.hinge(m.distance(a, p), m.distance(a, op.Gather(a, m.mine(c)))))
}

// distance is that of every row of a from the same row of b, [N,D] -> [N,1].
func (m *Triplet) distance(a, b *graph.Node) *graph.Node {
	d := op.Sub(a, b)
	if m.Squared {
		return op.SumAxes(op.Square(d), true, 1)
	}
	return op.Sqrt(op.SumAxes(op.Square(op.Shift(d, nudge)), true, 1))
}

// root makes distances of squared ones.
func (m *Triplet) root(squares *graph.Node) *graph.Node {
	if m.Squared {
		return squares
	}
	return op.Sqrt(op.Shift(op.Relu(squares), closest))
}

// hinge is by how much the positive is not closer by the margin, of distances that broadcast.
func (m *Triplet) hinge(near, far *graph.Node) *graph.Node {
	return op.Relu(op.Shift(op.Sub(near, far), m.Margin))
}

// mine picks a view of another image for every view, [N] int32. Squared distances are at most 4.
func (m *Triplet) mine(c losses.Comparisons) *graph.Node {
	squares := op.Affine(op.StopGradient(c.Cosines), -2, 2)
	score := op.Affine(squares, -1, 8) // the nearer the higher, 4 to 8
	if m.Mining == "semi_hard" {
		n := op.ShapeOf(squares)
		beyond := op.Less(op.BroadcastTo(op.Affine(op.StopGradient(c.Positive), -2, 2), n), squares)
		// minus where it is not beyond: the farther the higher
		score = op.Sub(op.Scale(op.Mul(score, beyond), 2), score)
	}
	return op.Argmax(op.Add(score, op.Affine(c.Others, 1e9, -1e9)))
}
