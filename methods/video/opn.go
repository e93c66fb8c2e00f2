package video

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// OPN, the order prediction network, makes the encoder of frames sort shuffled frames of a clip.
//
//	loss = -log softmax(g(h_12, h_13, ...))_s,   h_ij = p(f(x_s(i)), f(x_s(j)))
//
// Lee, Huang, Singh, Yang, ICCV 2017, arXiv:1708.01246, section 3. An order and its opposite are one class, as much of
// what is filmed could run either way: n!/2 classes of n frames, 12 of the paper's four. Features of every pair of
// frames come before those of all (section 3.2). Each frame shows one of its channels (section 3.1). The paper's frames
// are moved by a few pixels each and drawn where there is much motion; here they are evenly spaced, with one crop for
// all ([views]). f is computed before frames are shuffled, which is the same.
type OPN struct {
	Frames       int   `toml:"frames"`        // to be sorted, the F of the views
	Pair         int   `toml:"pair"`          // width of the features of a pair
	Hidden       []int `toml:"hidden"`        // widths between the features of all pairs and the orders
	SplitChannel bool  `toml:"split_channel"` // each frame shows one of its channels, as all of them
}

// DefaultOPN has the paper's four frames.
func DefaultOPN() *OPN { return &OPN{Frames: 4, Pair: 512, SplitChannel: true} }

// Validate implements methods.Method.
func (m *OPN) Validate() error {
	if m.Frames < 3 || m.Frames > 5 {
		return setting.Bad("frames", "%d: want 3, 4 or 5, of which there are 3, 12 or 60 orders", m.Frames)
	}
	return errors.Join(setting.Least("pair", m.Pair, 1), heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method. The features are the mean of the frames'.
func (m *OPN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	see := layer.Chain()
	if m.SplitChannel {
		see = func(x *graph.Node) *graph.Node { return oneChannel(s, s.Random("channels"), x) }
	}
	h := needFrames(s, enc, b, m.Frames, see) // [B,n,F]
	labels := op.Argmax(s.Random("order").Uniform(b.Size(), len(orders(m.Frames))))
	logits := m.logits(s, h, labels)
	features := op.Mean(h, false, 1)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "order", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics: []methods.Metric{{Name: "order_accuracy", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// logits are what the features h [B,n,F] of frames say of the order that labels [B] put them in, [B,orders].
func (m *OPN) logits(s *graph.Scope, h, labels *graph.Node) *graph.Node {
	all := orders(m.Frames)
	size, f := op.ShapeOf(labels)[0], op.ShapeOf(h)[2]
	put := op.GatherTokens(h, op.Gather(table(s, "const/orders", all), labels)) // [B,n,F]
	var pairs []*graph.Node
	for i := range m.Frames {
		for j := i + 1; j < m.Frames; j++ {
			first, second := op.Slice(put, 1, i, i+1), op.Slice(put, 1, j, j+1)
			pairs = append(pairs, op.Reshape(op.Concat(2, first, second), size, 1, 2*f))
		}
	}
	n := len(pairs)
	each := layer.Linear(s.In("pair"), 2*f, m.Pair, true)(op.Reshape(op.Concat(1, pairs...), size*n, 2*f))
	classify := heads.MLP(s.In("classifier"), n*m.Pair, append(slices.Clone(m.Hidden), len(all))...)
	return classify(op.Reshape(op.Relu(each), size, n*m.Pair))
}
