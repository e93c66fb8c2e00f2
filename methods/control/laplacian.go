package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// Laplacian draws the graph of which observation follows which: neighbours in time are near, and all numbers of an
// embedding are different ones, the eigenfunctions of the graph's Laplacian.
//
//	drawing: mean 1/2 |u - u'|^2 + beta mean ( (u.v)^2 - |u|^2 - |v|^2 + d ),  u' follows u, v is any other
//	batch:   mean (u - u')^2 + mean off-diagonal (u_i.u_j)^2 - 2 mean |u_i|^2
//
// Wu, Tucker and Nachum, ICLR 2019, arXiv:1810.04586, eq. 6; "batch" is the form of Touati et al.'s code
// (arXiv:2209.14935), whose first term is a mean over numbers too. The embedding is a linear layer on the features.
type Laplacian struct {
	Form      string  `toml:"form"`      // drawing | batch
	Embedding int     `toml:"embedding"` // d
	Beta      float64 `toml:"beta"`      // of the drawing
}

// DefaultLaplacian has the paper's drawing.
func DefaultLaplacian() *Laplacian { return &Laplacian{Form: "drawing", Embedding: 20, Beta: 5} }

// Validate implements methods.Method.
func (m *Laplacian) Validate() error {
	err := errors.Join(setting.Least("embedding", m.Embedding, 1), setting.Positive("beta", m.Beta))
	if m.Form != "drawing" && m.Form != "batch" {
		err = errors.Join(err, setting.Bad("form", "%q: want \"drawing\" or \"batch\"", m.Form))
	}
	return err
}

// Build implements methods.Method.
func (m *Laplacian) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, embed := enc.New(s), layer.Linear(s.In("embedding"), enc.Dim, m.Embedding, true)
	h := encode(b.View(0))
	u, next := embed(h), embed(encode(b.Field(steps.After(1))))
	o := methods.Objective{Features: h, Metrics: []methods.Metric{spread(u)}}
	if m.Form == "batch" {
		o.Terms = []methods.Term{{Name: "laplacian", Weight: 1, Value: batchDrawing(s, u, next)}}
		return o
	}
	attractive, repulsive := drawing(u, next, u, reordered(u, permutations(s, b.Size(), 1)[0]))
	o.Terms = []methods.Term{{Name: "attractive", Weight: 1, Value: attractive},
		{Name: "repulsive", Weight: m.Beta, Value: repulsive}}
	return o
}

// drawing are both terms, of embeddings that follow each other and of pairs u, v that have nothing to do with each
// other, [B,D].
func drawing(phi, next, u, v *graph.Node) (attractive, repulsive *graph.Node) {
	attractive = op.Scale(op.MeanAll(op.SumAxes(op.Square(op.Sub(phi, next)), false, 1)), 0.5)
	squares := func(x *graph.Node) *graph.Node { return op.SumAxes(op.Square(x), false, 1) }
	product := op.SumAxes(op.Mul(u, v), false, 1)
	d := float64(op.ShapeOf(u)[1])
	return attractive, op.Shift(op.MeanAll(op.Sub(op.Square(product), op.Add(squares(u), squares(v)))), d)
}

// batchDrawing takes all rows of the batch for pairs.
func batchDrawing(s *graph.Scope, phi, next *graph.Node) *graph.Node {
	return op.Add(op.MeanAll(op.Square(op.Sub(phi, next))), orthonormal(s, phi))
}

// orthonormal is the mean squared product of different rows less twice the mean squared length, of x [B,D].
func orthonormal(s *graph.Scope, x *graph.Node) *graph.Node {
	gram := op.Gram(s.AllRows(x))
	return op.Sub(offMean(op.Square(gram)), op.Scale(ownMean(s, gram), 2))
}

// offMean and ownMean are the means of a square matrix off and on its diagonal.
func offMean(x *graph.Node) *graph.Node {
	n := op.ShapeOf(x)[0]
	return op.Scale(op.SumAll(op.OffDiagonal(x)), 1/float64(n*(n-1)))
}

func ownMean(s *graph.Scope, x *graph.Node) *graph.Node {
	n := op.ShapeOf(x)[0]
	return op.Scale(op.SumAll(op.Mul(x, s.Identity(n))), 1/float64(n))
}
