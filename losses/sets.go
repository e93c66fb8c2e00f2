package losses

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Targets are the boxes that a detector should find in each image, T at most.
type Targets struct {
	Boxes    *graph.Node // [B,T,4] as BoxDistance takes them
	Labels   *graph.Node // [B,T] int32, a class from 0 on; below 0 there is no box
	Features *graph.Node // [B,T,F] what is in them; nil: nobody asks
}

// Predictions are what a detector says of each image by its Q queries.
type Predictions struct {
	// [B,Q,K] of the classes; without Focal the last is "no object". Of one class alone all targets are
	Logits   *graph.Node
	Boxes    *graph.Node // [B,Q,4]
	Features *graph.Node // [B,Q,F]; nil: it says none
}

// SetPrediction compares predictions with targets as sets: every target has a query of its own, so that the costs of
// all pairs are least, and all other queries should find nothing.
//
// Carion et al. 2020, arXiv:2005.12872, section 3.1 and app. A.4. With Focal classes are judged by the sigmoid focal
// loss, as in Deformable DETR (Zhu et al. 2021, arXiv:2010.04159, app. A.4), which DETReg builds on.
type SetPrediction struct {
	// weights of a pair's cost: of the class, of the distance of boxes, of the generalised intersection over union
	CostClass, CostBox, CostGIoU float64
	Focal                        bool
	// weight of queries that should find nothing, in the mean of cross-entropies; not of Focal
	NoObject float64
}

// Focal loss: alpha weighs objects against none, gamma is the exponent of what is easy (Lin et al. 2017,
// arXiv:1708.02002, eq. 5).
const (
	focalAlpha = 0.25
	focalGamma = 2.0
	focalEps   = 1e-8
)

// Cost is what it costs that a query finds a target, [B,Q,T]; pairs with targets that are none cost nothing.
func (l SetPrediction) Cost(s *graph.Scope, p Predictions, t Targets) *graph.Node {
	shape := op.ShapeOf(p.Boxes)
	b, q, n, k := shape[0], shape[1], op.ShapeOf(t.Boxes)[1], op.ShapeOf(p.Logits)[2]
	var class *graph.Node // [B,Q,K]
	if l.Focal {
		x := op.Sigmoid(p.Logits)
		rest := op.Affine(x, -1, 1)
		none := op.Scale(op.Mul(op.Square(x), op.Log(op.Shift(rest, focalEps))), focalAlpha-1)
		one := op.Scale(op.Mul(op.Square(rest), op.Log(op.Shift(x, focalEps))), -focalAlpha)
		class = op.Sub(one, none)
	} else {
		class = op.Neg(op.Softmax(p.Logits))
	}
	labels := l.classes(s, t, k)
	found, wanted := op.Reshape(p.Boxes, b, q, 1, 4), op.Reshape(t.Boxes, b, 1, n, 4)
	cost := op.Sum(op.Scale(op.MatMul(class, labels, false, true), l.CostClass),
		op.Scale(BoxDistance(found, wanted), l.CostBox), op.Scale(GIoU(found, wanted), -l.CostGIoU))
	return op.StopGradient(op.Mul(cost, op.Reshape(l.there(s, t), b, 1, n)))
}

// there is 1 where there is a target and 0 where there is none, [B,T].
func (l SetPrediction) there(s *graph.Scope, t Targets) *graph.Node {
	shape := op.ShapeOf(t.Labels)
	return op.Greater(s.Float(t.Labels), s.Floats("const/none", fill(shape.Size(), -0.5), shape...))
}

// classes are the targets' classes as 1 in one of K places, [B,T,K]. Where there is one class all targets are of it.
func (l SetPrediction) classes(s *graph.Scope, t Targets, k int) *graph.Node {
	shape := op.ShapeOf(t.Labels)
	if k == 1 {
		return op.Reshape(l.there(s, t), shape[0], shape[1], 1)
	}
	return op.Reshape(OneHot(s, op.Reshape(t.Labels, shape.Size()), k), shape[0], shape[1], k)
}

func fill(n int, v float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// Match is the query that every target has, [B,T] int32, of costs [B,Q,T]. Targets that are none have one of those that
// are left.
func (l SetPrediction) Match(cost *graph.Node) *graph.Node {
	shape := op.ShapeOf(cost)
	b, q, n := shape[0], shape[1], shape[2]
	if n > q {
		op.Fail("", "%d boxes of an image and %d queries of the detector: want at least as many queries", n, q)
	}
	square := op.Transpose(cost, 0, 2, 1) // [B,T,Q]
	if q > n {
		square = op.Pad(square, 1, 0, q-n)
	}
	of := op.Assign(square) // [B,Q]
	return op.Reshape(op.Slice(of, 1, 0, n), b, n)
}

// SetLoss is the parts of the loss, each a mean over the boxes of all images.
type SetLoss struct {
	Class *graph.Node // cross-entropy, or focal loss
	Box   *graph.Node // BoxDistance
	GIoU  *graph.Node // 1 - GIoU
	// matched: what Features is measured on, the predicted and the target features of each target [B,T,F], and whether
	// there is one [B,T]
	Found, Wanted, There *graph.Node
	Count                *graph.Node // boxes of this rank's share, at least 1
}

// Loss is the loss of predictions by the matching of Match.
func (l SetPrediction) Loss(s *graph.Scope, p Predictions, t Targets) SetLoss {
	query := l.Match(l.Cost(s, p, t))
	b, n := op.ShapeOf(t.Labels)[0], op.ShapeOf(t.Labels)[1]
	q, k := op.ShapeOf(p.Logits)[1], op.ShapeOf(p.Logits)[2]
	there := l.there(s, t) // [B,T]
	all := s.AllRows(there)
	share := float64(b) / float64(op.ShapeOf(all)[0])
	count := Larger(op.Scale(op.SumAll(all), share), s.Constant(1))
	perBox := func(x *graph.Node) *graph.Node { return op.Div(op.SumAll(op.Mul(x, there)), count) }
	boxes := op.GatherTokens(p.Boxes, query) // [B,T,4]
	at := op.Reshape(OneHot(s, op.Reshape(query, b*n), q), b, n, q)
	at = op.Mul(at, op.Reshape(there, b, n, 1))
	labels := l.classes(s, t, k)
	class := op.StopGradient(op.MatMul(at, labels, true, false)) // [B,Q,K]
	loss := SetLoss{Box: perBox(BoxDistance(boxes, t.Boxes)),
		GIoU: perBox(op.Affine(GIoU(boxes, t.Boxes), -1, 1)), There: there, Count: count}
	if l.Focal {
		loss.Class = op.Div(op.SumAll(SigmoidFocal(p.Logits, class)), count)
	} else {
		none := op.Affine(op.SumAxes(class, false, 2), -1, 1) // [B,Q], 1 where a query should find nothing
		class = op.Add(class, op.Mul(op.Reshape(none, b, q, 1), op.Reshape(s.Floats(
			fmt.Sprintf("const/last%d", k), last(k), k), 1, 1, k)))
		weight := op.Affine(none, l.NoObject-1, 1)
		each := op.Neg(op.SumAxes(op.Mul(class, op.LogSoftmax(p.Logits)), false, 2))
		loss.Class = op.Div(op.SumAll(op.Mul(each, weight)), op.SumAll(weight))
	}
	if p.Features != nil && t.Features != nil {
		loss.Found, loss.Wanted = op.GatherTokens(p.Features, query), t.Features
	}
	return loss
}

// last is 1 in the last of k places.
func last(k int) []float64 {
	v := make([]float64, k)
	v[k-1] = 1
	return v
}

// SigmoidFocal is the focal loss of logits x against targets of 0 and 1, entry by entry.
func SigmoidFocal(x, target *graph.Node) *graph.Node {
	p := op.Sigmoid(x)
	entropy := op.Sub(op.Softplus(x), op.Mul(x, target))
	// the probability of what is wrong: p where the target is 0, 1-p where it is 1
	wrong := op.Sub(op.Add(p, target), op.Scale(op.Mul(p, target), 2))
	alpha := op.Affine(target, 2*focalAlpha-1, 1-focalAlpha)
	return op.Mul(alpha, op.Mul(op.Square(wrong), entropy))
}

// FocalBias is the bias of a classifier whose every class begins with a probability of 0.01 (section 4.1 of that
// paper).
var FocalBias = -math.Log((1 - 0.01) / 0.01)

// UnitDistance is the mean over the boxes of the squared distance of found and wanted features, both of length 1 (Dai
// et al. 2021, UP-DETR, arXiv:2011.09094, section 3).
func (l SetLoss) UnitDistance() *graph.Node {
	d := op.SumAxes(op.Square(op.Sub(op.Normalize(l.Found, Eps), op.Normalize(l.Wanted, Eps))), false, 2)
	return op.Div(op.SumAll(op.Mul(d, l.There)), l.Count)
}

// MeanDistance is the mean over the boxes and the features' entries of the absolute difference (Bar et al. 2022,
// DETReg, arXiv:2106.04550, section 3).
func (l SetLoss) MeanDistance() *graph.Node {
	d := op.Mean(op.Abs(op.Sub(l.Found, l.Wanted)), false, 2)
	return op.Div(op.SumAll(op.Mul(d, l.There)), l.Count)
}
