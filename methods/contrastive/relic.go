package contrastive

import (
	"cmp"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ReLIC makes a view recognise its image's other view, and both views say the same of all other images.
//
// Mitrovic et al., ICLR 2021, arXiv:2010.07922, section 3: with p_ab the softmax over the images of a batch of the
// cosines of view a, by the trained network, and view b, by its teacher, over T,
//
//	InfoNCE + invariance KL(sg p_12 || p_21),
//
// both the mean over the two orders of the views. The paper leaves open which side of the divergence is held, and
// whether it is taken both ways. Each view is a batch of its own. The widths are BYOL's, whose teacher the paper takes.
type ReLIC struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Invariance  float64 `toml:"invariance"`  // weight of the divergence, alpha
	Momentum    float64 `toml:"momentum"`    // of the teacher at the first step; it rises to 1 along half a cosine
}

// DefaultReLIC has BYOL's widths and momentum for ImageNet.
func DefaultReLIC() *ReLIC {
	return &ReLIC{Projector: []int{4096, 256}, Temperature: 0.1, Invariance: 1, Momentum: 0.996}
}

// Validate implements methods.Method.
func (m *ReLIC) Validate() error {
	if !(m.Invariance >= 0) {
		return setting.Bad("invariance", "%v: want a weight of 0 or more", m.Invariance)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *ReLIC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	teach, projectT := network(s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))))
	crops := b.Crops()
	var h, q, t []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x))                           // [B,F]
		q = append(q, project(h[len(h)-1]))                // [B,D]
		t = append(t, op.StopGradient(projectT(teach(x)))) // [B,D]
	}
	var contrast, agree []*graph.Node
	for _, p := range methods.Pairs(len(crops[0]), len(q)) {
		c, ab, ba := m.terms(s, [2]*graph.Node{q[p[0]], q[p[1]]}, [2]*graph.Node{t[p[0]], t[p[1]]})
		contrast, agree = append(contrast, c), append(agree, op.Scale(op.Add(ab, ba), 0.5))
	}
	mean := func(x []*graph.Node) *graph.Node { return op.Scale(op.Sum(x...), 1/float64(len(x))) }
	return methods.Objective{
		Features: h[0],
		Terms: []methods.Term{{Name: "infonce", Weight: 1, Value: mean(contrast)},
			{Name: "divergence", Weight: m.Invariance, Value: mean(agree)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(q[0])}},
	}
}

// terms are InfoNCE of two views, and the divergences of what the first says from the second's, and the other way, of
// the trained network's embeddings q and the teacher's t, each [B,D].
func (m *ReLIC) terms(s *graph.Scope, q, t [2]*graph.Node) (contrast, ab, ba *graph.Node) {
	unit := func(x *graph.Node) *graph.Node { return s.AllRows(op.Normalize(x, losses.Eps)) }
	logits := func(q, t *graph.Node) *graph.Node {
		return op.Scale(op.MatMul(unit(q), unit(t), false, true), 1/m.Temperature) // [B,B]
	}
	l12, l21 := logits(q[0], t[1]), logits(q[1], t[0])
	own := losses.Own(s, l12)
	contrast = op.Scale(op.Add(op.MeanAll(op.CrossEntropy(l12, own, 0)), op.MeanAll(op.CrossEntropy(l21, own, 0))), 0.5)
	return contrast, divergence(l12, l21), divergence(l21, l12)
}

// divergence is the mean over rows of KL(sg softmax(held) || softmax(moved)), in nats, of logits [B,K].
func divergence(held, moved *graph.Node) *graph.Node {
	p := op.StopGradient(op.Softmax(held))
	return op.Sub(op.MeanAll(op.CrossEntropySoft(moved, p)), losses.Entropy(p))
}
