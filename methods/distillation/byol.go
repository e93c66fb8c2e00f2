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
	Predictor []int   `toml:"predictor"` // hidden widths; the output is D wide
	Momentum  float64 `toml:"momentum"`  // of the teacher at the first step; it rises to 1 along half a cosine
}

// DefaultBYOL has the paper's settings for ImageNet.
func DefaultBYOL() *BYOL {
	return &BYOL{Projector: []int{4096, 256}, Predictor: []int{4096}, Momentum: 0.996}
}

// Validate implements methods.Method.
func (m *BYOL) Validate() error {
	return cmp.Or(setting.Within("momentum", m.Momentum, 0, 1), heads.CheckHidden("predictor", m.Predictor),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *BYOL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := heads.Width(enc.Dim, m.Projector)
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	crops := b.Crops()
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(append([]int(nil), m.Predictor...), d)...)
	var h, p, z []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		p = append(p, predict(project(x))) // [B,D]
	}
	tau := s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))
	encodeT, projectT := network(s.Twin("teacher", tau))
	for _, x := range crops[0] {
		z = append(z, projectT(encodeT(x))) // [B,D]
	}
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "regression", Weight: 1, Value: regressions(p, z)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
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
