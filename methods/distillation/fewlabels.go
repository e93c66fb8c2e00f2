package distillation

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// What methods share that learn from few labels: a classifier on the encoder, the loss of the samples that have a
// label, and weights that rise with time.

// classifier is the encoder with a linear layer on top: a view -> features [B,F] and logits [B,classes].
func classifier(s *graph.Scope, enc methods.Encoder, classes int) func(x *graph.Node) (h, logits *graph.Node) {
	encode, classify := enc.New(s), layer.Linear(s.In("classifier"), enc.Dim, classes, true)
	return func(x *graph.Node) (h, logits *graph.Node) {
		h = encode(x)
		return h, classify(h)
	}
}

// supervisedTerm is the mean cross-entropy of logits [B,K] over the samples that have a label, labels [B] int32.
func supervisedTerm(logits, labels *graph.Node) methods.Term {
	return methods.Term{Name: "cross_entropy", Weight: 1,
		Value: op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, labels, 0)), labels)}
}

// withoutLabel is 1 for samples without a label, else 0, [B].
func withoutLabel(s *graph.Scope, labels *graph.Node) *graph.Node {
	return s.Equal(labels, s.Ints("const/unlabelled", []int32{-1}))
}

// rampUp rises from e^-5 to 1 over a span of the training: exp(-5 (1-t)^2), and then stays.
//
// Laine and Aila, ICLR 2017, arXiv:1610.02242.
func rampUp(span setting.Length) graph.Schedule {
	return func(t graph.Time) float64 {
		n := span.Steps(t.PerEpoch, t.Steps)
		if t.Step >= n {
			return 1
		}
		rest := 1 - float64(t.Step)/float64(n)
		return math.Exp(-5 * rest * rest)
	}
}

// rise goes from 0 at one time of the training to 1 at another in a straight line.
func rise(from, to setting.Length) graph.Schedule {
	return func(t graph.Time) float64 {
		a, b := from.Steps(t.PerEpoch, t.Steps), to.Steps(t.PerEpoch, t.Steps)
		if t.Step >= b {
			return 1
		}
		return max(float64(t.Step-a), 0) / float64(max(b-a, 1))
	}
}
