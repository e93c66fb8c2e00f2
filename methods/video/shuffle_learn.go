package video

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// ShuffleLearn makes the encoder of frames tell whether three frames of a clip are in order.
//
//	loss = -mean log softmax(g(f(x_i), f(x_j), f(x_k)))_ordered
//
// Misra, Zitnick, Hebert, ECCV 2016, arXiv:1603.08561, section 3: of five frames a to e of a clip, (b, c, d) is in
// order, and (b, a, d) and (b, e, d) are not; the first and the last are the same in all, and only the one between them
// tells. Either direction is in order: a triple is turned round with probability 1/2. Here the classes are weighted to
// count the same, where the paper has one ordered triple among four; the frames are evenly spaced, where the paper
// draws them from where there is much motion and at different distances. f of all three triples is computed once.
type ShuffleLearn struct {
	Hidden []int `toml:"hidden"` // widths between the features of three frames and the two classes
}

// DefaultShuffleLearn has a linear classifier, as the paper's has behind fc7.
func DefaultShuffleLearn() *ShuffleLearn { return &ShuffleLearn{} }

// Validate implements methods.Method.
func (m *ShuffleLearn) Validate() error { return heads.CheckHidden("hidden", m.Hidden) }

// triples of the frames a to e, the ordered one first.
var triples = [][]int{{1, 2, 3}, {1, 0, 3}, {1, 4, 3}}

// Build implements methods.Method. The features are the mean of the frames'.
func (m *ShuffleLearn) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h := needFrames(s, enc, b, 5, layer.Chain()) // [B,5,F]
	logits, labels, weight := m.logits(s, h, s.Random("turned").Bernoulli(0.5, b.Size(), 1))
	loss := op.MeanAll(op.Mul(op.CrossEntropy(logits, labels, 0), weight))
	features := op.Mean(h, false, 1)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "order", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "order_accuracy", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// logits are what the features h [B,5,F] of frames say of the three triples of each clip, [3B,2], triple by triple,
// which are turned round where turned [B,1] is 1; with labels and weights [3B].
func (m *ShuffleLearn) logits(s *graph.Scope, h, turned *graph.Node) (logits, labels, weight *graph.Node) {
	b, f := op.ShapeOf(h)[0], op.ShapeOf(h)[2]
	var rows []*graph.Node
	var of []int32
	var counts []float64
	for k, triple := range triples {
		at := make([]*graph.Node, len(triple))
		for i, frame := range triple {
			at[i] = op.Reshape(op.Slice(h, 1, frame, frame+1), b, f)
		}
		ahead := op.Concat(1, at...)
		turn := slices.Clone(at)
		slices.Reverse(turn)
		rows = append(rows, op.Add(ahead, op.Mul(turned, op.Sub(op.Concat(1, turn...), ahead))))
		class, count := int32(0), 0.75 // one of three is in order: weights of mean 1
		if k == 0 {
			class, count = 1, 1.5
		}
		of = append(of, slices.Repeat([]int32{class}, b)...)
		counts = append(counts, slices.Repeat([]float64{count}, b)...)
	}
	classify := heads.MLP(s.In("classifier"), 3*f, append(slices.Clone(m.Hidden), 2)...)
	return classify(op.Concat(0, rows...)), s.Ints("const/ordered", of), s.Floats("const/weight", counts, len(counts))
}
