package dense

import (
	"errors"

	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// DETR learns to find the boxes and classes of objects from labelled boxes: the yardstick of methods that learn without
// them, and what they are fine-tuned as.
//
// Carion et al. 2020, arXiv:2005.12872, with heads.Detector for its transformer and the sigmoid focal loss of
// Deformable DETR (Zhu et al. 2021, arXiv:2010.04159) for classes: the loss of every layer of the decoder, each with a
// matching of its own. Weights of cost and loss are those of Deformable DETR.
type DETR struct {
	heads.Detector
	SetWeights
	Agnostic bool `toml:"agnostic"` // one class for all objects
	// the encoder is read, not trained
	Lock bool `toml:"lock"`
}

// DefaultDETR has Deformable DETR's weights.
func DefaultDETR() *DETR {
	return &DETR{Detector: heads.DefaultDetector(), SetWeights: SetWeights{Class: 2, Box: 5, GIoU: 2}}
}

// Validate implements methods.Method.
func (m *DETR) Validate() error { return errors.Join(m.Detector.Check(), m.SetWeights.check()) }

// Build implements methods.Method.
func (m *DETR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	k := b.Of(views.BoxClasses).Of[0]
	if m.Agnostic {
		k = 1
	}
	n := newNetwork(s, enc, b, &m.Detector, m.Lock)
	found := n.detector.Decode(n.memory, nil, nil)
	classify := Classifier(n.scope, &m.Detector, k)
	l := losses.SetPrediction{CostClass: m.Class, CostBox: m.Box, CostGIoU: m.GIoU, Focal: true}
	o := methods.Objective{Features: n.features}
	for i, y := range found.Layers {
		got := l.Loss(s, losses.Predictions{Logits: classify(y), Boxes: found.Boxes[i]},
			losses.Targets{Boxes: b.Field(views.Boxes), Labels: b.Field(views.BoxClasses)})
		o.Terms = append(o.Terms, m.SetWeights.terms(got, i, len(found.Layers))...)
	}
	return o
}
