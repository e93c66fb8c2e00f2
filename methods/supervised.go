package methods

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/setting"
)

// Supervised trains the encoder with the labels: the yardstick that self-supervised methods are held against, under the
// same backbone, views and schedule. A linear classifier on the features learns by cross-entropy.
//
// Images without a label give no gradient and do not count: the loss is the mean over the labelled images of a batch.
// With a ViT, DeiT's code keeps class token and learned positions from weight decay (backbone.vit.plain_tokens = true).
type Supervised struct {
	// part of the target spread evenly over the classes (Szegedy et al. 2016, arXiv:1512.00567, section 7)
	Smoothing float64 `toml:"smoothing"`
	// widths of an MLP between the features and the classifier; [] is none (Wang et al., CVPR 2022, arXiv:2112.00496)
	Projector []int `toml:"projector"`
}

// DefaultSupervised is plain cross-entropy.
func DefaultSupervised() *Supervised { return &Supervised{} }

// Validate implements Method.
func (m *Supervised) Validate() error {
	if !(m.Smoothing >= 0 && m.Smoothing < 1) {
		return setting.Bad("smoothing", "%v: want a number from 0 up to, not with, 1", m.Smoothing)
	}
	return heads.CheckProjector(m.Projector)
}

// LearnsFromLabels implements Taught.
func (m *Supervised) LearnsFromLabels() {}

// Build implements Method.
func (m *Supervised) Build(s *graph.Scope, enc Encoder, b *Batch) Objective {
	classes := b.NeedClasses()
	x, labels := b.View(0), b.Labels() // [B,H,W,C], [B]
	h := enc.New(s)(x)                 // [B,F]
	z := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h)
	logits := layer.Linear(s.In("classifier"), heads.Width(enc.Dim, m.Projector), classes, true)(z) // [B,classes]
	return Objective{
		Features: h,
		Terms: []Term{{"cross_entropy", 1, op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, labels, m.Smoothing)),
			labels)}},
		Metrics: []Metric{{"accuracy", op.Accuracy(logits, labels)}},
	}
}
