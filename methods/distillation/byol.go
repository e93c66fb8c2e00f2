// Package distillation holds methods whose student learns what a teacher says: section 2.3 of the Cookbook
// (arXiv:2304.12210).
package distillation

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

// BYOL makes a predictor on top of the student guess what a slowly following teacher says of the other view.
//
// Grill et al., NeurIPS 2020, arXiv:2006.07733, sections 3.1 and 3.2. Each view is a batch of its own for batch norm,
// and the teacher's batch norm uses its own batch statistics, as in the authors' code. Of crops of several sizes the
// teacher sees the large ones, and the student guesses them from every other view; the loss is then as large as for two
// views.
type BYOL struct {
	Projector []int   `toml:"projector"` // widths; the last is D; [] is none
	Predictor []int   `toml:"predictor"` // hidden widths; the output is D wide; [] is linear
	Momentum  float64 `toml:"momentum"`  // of the teacher at the first step
	// at the end, along half a cosine; where both are the same it stays, and where both are 0 the teacher is a copy
	FinalMomentum float64 `toml:"final_momentum"`
	// the teacher is a projector on the student's features (Pham et al., ECCV 2022, arXiv:2208.05744)
	SharedBackbone bool `toml:"shared_backbone"`
	Predicting
}

// DefaultBYOL has the paper's settings for ImageNet.
func DefaultBYOL() *BYOL {
	return &BYOL{Projector: []int{4096, 256}, Predictor: []int{4096}, Momentum: 0.996, FinalMomentum: 1,
		Predicting: usualPredicting()}
}

// Validate implements methods.Method.
func (m *BYOL) Validate() error {
	if m.SharedBackbone && len(m.Projector) == 0 {
		return setting.Bad("shared_backbone", "true: without a projector the teacher is the student; want false")
	}
	return cmp.Or(setting.Within("momentum", m.Momentum, 0, 1), setting.Within("final_momentum", m.FinalMomentum, 0, 1),
		m.check(m.Predictor), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *BYOL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := heads.Width(enc.Dim, m.Projector)
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	crops := b.Crops()
	encode, project := network(s)
	predict := m.predictor(s, d, m.Predictor)
	var h, p []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		p = append(p, predict(project(x))) // [B,D]
	}
	tau := s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, m.FinalMomentum))
	z := m.targets(s.Twin("teacher", tau), enc, network, crops[0], h)
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "regression", Weight: 1, Value: regressions(p, z)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
		Tune:     m.tune(false),
		Alarms: []methods.Alarm{m.alarm("let the teacher follow more slowly, with a momentum nearer to 1, or the " +
			"predictor learn faster, by predictor_rate or predictor_steps")},
	}
}

// targets are the teacher's embeddings [B,D] of the large views x that are guessed. h are the student's features.
func (m *BYOL) targets(t *graph.Scope, enc methods.Encoder,
	network func(*graph.Scope) (encode, project func(*graph.Node) *graph.Node), x, h []*graph.Node) []*graph.Node {
	if m.SharedBackbone {
		project := enc.Projector.MLP(t.In("projector"), enc.Dim, m.Projector...)
		return m.guessed(len(x), func(v int) *graph.Node { return project(op.StopGradient(h[v])) })
	}
	encode, project := network(t)
	return m.guessed(len(x), func(v int) *graph.Node { return project(encode(x[v])) })
}

// regressions adds up both directions of two views. Of more views it is twice the mean over the pairs of a guess and a
// target of another view.
func regressions(p, z []*graph.Node) *graph.Node {
	terms := methods.Crossed(p, z, losses.Regression)
	if len(terms) == 2 {
		return op.Add(terms[0], terms[1])
	}
	return op.Scale(op.Sum(terms...), 2/float64(len(terms)))
}
