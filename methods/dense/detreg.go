package dense

import (
	"errors"
	"fmt"

	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DETReg learns a detector without labels: it says where regions are that look like objects, and what a trained encoder
// makes of each.
//
// Bar et al., CVPR 2022, arXiv:2106.04550, section 3. The regions are the first boxes of a selective search, see
// package proposals. Every query says whether it has found one (its class: the sigmoid focal loss of one class), where,
// and the features that the encoder has of the region, cut out and resized (the object embedding: mean absolute
// difference). The encoder is frozen, as theirs is: begin with a trained one, [init] from = "runs/one".
//
// We differ: with heads.Detector in place of Deformable DETR; the authors' search is OpenCV's; and regions are not
// changed in colour for their features.
type DETReg struct {
	heads.Detector
	SetWeights
	Embedding float64 `toml:"embedding"` // weight of the regions' features
	Proposals int     `toml:"proposals"` // of an image, at most; no more than queries
	Size      int     `toml:"size"`      // side that a region is resized to, in pixels
}

// DefaultDETReg has the paper's weights; it has 30 proposals.
func DefaultDETReg() *DETReg {
	return &DETReg{Detector: heads.DefaultDetector(), SetWeights: SetWeights{Class: 2, Box: 5, GIoU: 2}, Embedding: 1,
		Proposals: 8, Size: 32}
}

// Validate implements methods.Method.
func (m *DETReg) Validate() error {
	bad := []error{m.Detector.Check(), m.SetWeights.check(), setting.Weight("embedding", m.Embedding), setting.Least(
		"size", m.Size, 4)}
	if m.Proposals < 1 || m.Proposals > m.Queries {
		bad = append(bad, setting.Bad("proposals", "%d: want 1 to queries = %d", m.Proposals, m.Queries))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *DETReg) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n := newNetwork(s, enc, b, &m.Detector, true)
	to := losses.Targets{Boxes: b.Field(fmt.Sprintf("%s%d", views.Proposals, m.Proposals)), Labels: b.Field(
		fmt.Sprintf("%s%d", views.ProposalClasses, m.Proposals))}
	to.Features = boxFeatures(s, enc, b.View(0), to.Boxes, m.Size)
	found := n.detector.Decode(n.memory, nil, nil)
	l := losses.SetPrediction{CostClass: m.Class, CostBox: m.Box, CostGIoU: m.GIoU, Focal: true}
	classify, embed := Classifier(n.scope, &m.Detector, 1), featureHead(n.scope, m.Dim, enc.Dim)
	o := methods.Objective{Features: n.features}
	for i, y := range found.Layers {
		got := l.Loss(s, losses.Predictions{Logits: classify(y), Boxes: found.Boxes[i], Features: embed(y)}, to)
		o.Terms = append(o.Terms, m.SetWeights.terms(got, i, len(found.Layers))...)
		o.Terms = append(o.Terms, methods.Term{Name: termName("embedding", i, len(found.Layers)), Weight: m.Embedding,
			Value: got.MeanDistance()})
	}
	return o
}

// boxFeatures are the frozen encoder's features of boxes [B,P,4] of images x, cut out and resized: [B,P,F].
func boxFeatures(s *graph.Scope, enc methods.Encoder, x, boxes *graph.Node, size int) *graph.Node {
	shape := op.ShapeOf(boxes)
	h := enc.New(s.Locked())(cropped(s, x, boxes, size))
	return op.StopGradient(op.Reshape(h, shape[0], shape[1], enc.Dim))
}

// featureHead says what features a query has found, [B,Q,D] -> [B,Q,F]: an MLP of one hidden layer, as both methods'
// code has it.
func featureHead(s *graph.Scope, dim, to int) layer.Func {
	at := s.In("feature")
	return layer.Chain(layer.Dense(at.In("0"), dim, dim), layer.Relu, layer.Dense(at.In("1"), dim, to))
}

// zeros is labels of class 0, [B,T].
func zeros(s *graph.Scope, b, t int) *graph.Node {
	return op.Reshape(s.Ints("const/zeros", make([]int32, b*t)), b, t)
}
