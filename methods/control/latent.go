package control

import (
	"math/rand/v2"

	"fmt"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// What several methods do with steps.

// at is part k of the second axis of x [B,N,...]: [B,...].
func at(x *graph.Node, k int) *graph.Node { return op.At(x, 1, k) }

// action is the action of step k of n, as an indicator [B,A].
func action(s *graph.Scope, b *methods.Batch, k, n int) *graph.Node {
	return losses.OneHot(s, at(b.Field(steps.Actions(n)), k), actionsOf(b))
}

// dynamics is the next features [B,F] of features and an indicator of an action: a residual layer and a layer norm.
// The papers of convolutional models have it on feature maps; on features any backbone will do.
func dynamics(s *graph.Scope, dim, actions, hidden int) func(h, action *graph.Node) *graph.Node {
	move := heads.Plain(s.In("move"), dim+actions, hidden, dim)
	norm := layer.LayerNorm(s.In("norm"), dim)
	return func(h, action *graph.Node) *graph.Node { return norm(op.Add(h, move(op.Concat(1, h, action)))) }
}

// norms are the lengths of the rows of x [B,D]: [B]. Of a row of zeros the gradient is 0, as PyTorch has it.
func norms(x *graph.Node) *graph.Node {
	const never = 1e-30
	return op.Sqrt(op.Shift(op.SumAxes(op.Square(x), false, -1), never))
}

// rowMeans are the means of the rows of x [B,D]: [B].
func rowMeans(x *graph.Node) *graph.Node { return op.Mean(x, false, -1) }

// log1p is ln(1 + x).
func log1p(x *graph.Node) *graph.Node { return op.Log(op.Shift(x, 1)) }

// bilinear are the scores q W k' of rows q, k [B,D], less the largest of a row.
//
// Laskin et al. 2020, arXiv:2004.04136, section 4.3 and its pseudocode.
func bilinear(s *graph.Scope, q, w, k *graph.Node) *graph.Node {
	scores := op.MatMul(s.AllRows(q), op.MatMul(w, s.AllRows(k), false, true), false, false) // [B,B]
	largest := losses.OneHot(s, op.Argmax(scores), op.ShapeOf(scores)[1])
	return op.Sub(scores, op.StopGradient(op.SumAxes(op.Mul(scores, largest), true, 1)))
}

// diagonal is the mean cross-entropy of each row's own column, and the share of rows that it is the largest of.
func diagonal(s *graph.Scope, logits *graph.Node) (loss, right *graph.Node) {
	own := make([]int32, op.ShapeOf(logits)[0])
	for i := range own {
		own[i] = int32(i)
	}
	labels := s.Ints(fmt.Sprintf("const/own%d", len(own)), own)
	return op.MeanAll(op.CrossEntropy(logits, labels, 0)), op.Accuracy(logits, labels)
}

// permutations are n orders of the rows of a batch, drawn for each step: [B] int32 each.
func permutations(s *graph.Scope, rows, n int) (all []*graph.Node) {
	r := s.Random("order")
	for range n {
		all = append(all, s.AllRows(op.Reshape(op.Argsort(r.Uniform(1, rows)), rows)))
	}
	return all
}

// reordered are rows of x [B,...] in an order.
func reordered(x, order *graph.Node) *graph.Node {
	shape := op.ShapeOf(x)
	return op.Reshape(op.Gather(op.Reshape(x, shape[0], -1), order), shape...)
}

// spread is the metric that tells of a collapse.
func spread(z *graph.Node) methods.Metric {
	return methods.Metric{Name: methods.SpreadMetric, Value: losses.Spread(z)}
}

// unit draws from [0,1).
func unit(a ir.Array, r *rand.Rand) {
	for i := range a.Shape.Size() {
		a.Set(i, r.Float64())
	}
}

// actionsOf is how many actions there are.
func actionsOf(b *methods.Batch) int { return b.Of(steps.Actions(1)).Of[0] }

// taken is the values [B,A] at the actions of chosen [B,A], which is 1 there and else 0: [B].
func taken(values, chosen *graph.Node) *graph.Node {
	return op.SumAxes(op.Mul(values, chosen), false, 1)
}
