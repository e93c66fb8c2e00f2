package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SupCon makes views of all images of a class recognise each other among the other views of the batch.
//
// Khosla et al., NeurIPS 2020, arXiv:2004.11362, eq. 2 (L_out): for a view i with positives P(i), all views of its
// class but itself,
//
//	-1/|P(i)| sum_{p in P(i)} log( exp(cos_ip/T) / sum_{a != i} exp(cos_ia/T) ),
//
// the mean over views, or over the first views of the images alone. The authors' code multiplies the loss by T/0.07;
// this does not. An image without a label has its own views as positives. Labels must be there: see methods.Taught.
type SupCon struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Anchors     string  `toml:"anchors"`     // all: every view is compared; first: the first view of every image
}

// DefaultSupCon has the paper's settings for ImageNet.
func DefaultSupCon() *SupCon {
	return &SupCon{Projector: []int{2048, 128}, Temperature: 0.1, Anchors: "all"}
}

// Validate implements methods.Method.
func (m *SupCon) Validate() error {
	if m.Anchors != "all" && m.Anchors != "first" {
		return setting.Bad("anchors", "%q: want all or first", m.Anchors)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature), heads.CheckProjector(m.Projector))
}

// LearnsFromLabels implements methods.Taught.
func (m *SupCon) LearnsFromLabels() {}

// Build implements methods.Method.
func (m *SupCon) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	b.NeedClasses()
	h, z, _ := embed(s, enc, b, m.Projector)
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "supcon", Weight: 1, Value: m.loss(s, allViews(s, z), b.Labels(), len(z))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// loss is that of rows u [VB,D] of unit length of so many views, view after view, with labels [B].
func (m *SupCon) loss(s *graph.Scope, u, labels *graph.Node, views int) *graph.Node {
	anchors := op.ShapeOf(u)[0]
	if m.Anchors == "first" {
		anchors /= views
	}
	return losses.Recognise(u, ofClass(s, labels, views), m.Temperature, false, anchors)
}

// ofClass is 1 for two views of one class or one image, else 0, [N,N]: of labels [B], below 0 where an image has none,
// and so many views an image, view after view.
func ofClass(s *graph.Scope, labels *graph.Node, views int) *graph.Node {
	all := make([]*graph.Node, views)
	for v := range all {
		all[v] = s.AllRows(labels)
	}
	class := op.Concat(0, all...) // [N]
	n := op.ShapeOf(class)[0]
	image := losses.SameInts(s, losses.ImageOf(s, n, views))
	unlabelled := s.Equal(op.Reshape(class, n, 1), s.Ints("const/unlabelled", []int32{-1})) // [N,1]
	sameClass := op.Mul(losses.SameInts(s, class), op.Affine(unlabelled, -1, 1))            // [N,N]
	return op.Sub(op.Add(image, sameClass), op.Mul(image, sameClass))
}
