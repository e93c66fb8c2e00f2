package distillation

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// NAT draws a target for every image at random on the unit sphere, and lets the images of a batch exchange their
// targets so that all are as near to them as can be.
//
//	loss = mean |z - t|^2,  z the unit embedding, t the image's target
//
// Bojanowski and Joulin, ICML 2017, Unsupervised learning by predicting noise, arXiv:1704.05310. The exchange is exact
// (Hungarian method) and happens in one of so many epochs, the first among them, as in the authors' code. Their input
// is the gradient of the grey image, which is left to the views. The exchange takes time as the cube of the batch.
type NAT struct {
	Projector []int `toml:"projector"` // widths; the last is D; [] is none
	Every     int   `toml:"every"`     // epochs from one in which targets are exchanged to the next
}

// DefaultNAT has the settings of the authors' code for ImageNet.
func DefaultNAT() *NAT { return &NAT{Projector: []int{2048}, Every: 3} }

// Validate implements methods.Method.
func (m *NAT) Validate() error {
	return errors.Join(setting.Least("every", m.Every, 1), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *NAT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := heads.Width(enc.Dim, m.Projector)
	h := enc.New(s)(b.View(0))                                                                      // [B,F]
	z := op.Normalize(enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h), losses.Eps) // [B,D]
	targets := s.State("targets", graph.UnitNormal(), b.SetSize(), d)                               // [N,D]
	z = s.AllRows(z)
	rows := s.AllRows(b.Rows())
	old := op.Gather(targets, rows) // [B,D]
	next := op.Lerp(old, exchanged(op.StopGradient(z), old), s.Scheduled("keeps_targets", m.keeps))
	s.Update(targets, op.PutRows(targets, rows, next))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "noise", Weight: 1, Value: apart(z, next)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
	}
}

// exchanged is the targets t [B,D] dealt out to unit rows z [B,D] anew, so that their squared distances add up to the
// least. Rows of both have unit length.
func exchanged(z, t *graph.Node) *graph.Node {
	return op.Gather(t, op.Assign(op.Neg(op.MatMul(z, t, false, true))))
}

// apart is the mean squared distance of rows z and t [B,D].
func apart(z, t *graph.Node) *graph.Node {
	return op.Scale(op.SumAll(op.Square(op.Sub(z, op.StopGradient(t)))), 1/float64(op.ShapeOf(z)[0]))
}

// keeps is 1 in the epochs in which targets stay, else 0.
func (m *NAT) keeps(t graph.Time) float64 {
	if t.PerEpoch > 0 && t.Step/t.PerEpoch%m.Every != 0 {
		return 1
	}
	return 0
}
