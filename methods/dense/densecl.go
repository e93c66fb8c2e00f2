// Package dense holds methods that compare places of images: section 4.3 of the Cookbook (arXiv:2304.12210).
package dense

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DenseCL makes every place of a view's feature map recognise the most similar place of the other view, among a queue
// of other images, beside MoCo's loss of the whole views.
//
// Wang, Zhang, Shen, Kong, Li, CVPR 2021, arXiv:2011.09157, eq. 2 to 4. Places correspond by the cosines of the
// backbone's maps, the second queue holds the mean of each image's dense keys. Images are not shuffled between devices
// before the keys' batch norm, see contrastive.MoCo.
type DenseCL struct {
	Projector   []int   `toml:"projector"`   // widths of both projectors, without norms; the last is D
	Queue       int     `toml:"queue"`       // keys of past steps, of whole views and of places
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the keys' encoder
	Dense       float64 `toml:"dense"`       // share of the loss that compares places; the rest compares whole views
}

// DefaultDenseCL has the paper's settings for ImageNet.
func DefaultDenseCL() *DenseCL {
	return &DenseCL{Projector: []int{2048, 128}, Queue: 65536, Temperature: 0.2, Momentum: 0.999, Dense: 0.5}
}

// Validate implements methods.Method.
func (m *DenseCL) Validate() error {
	switch {
	case m.Queue < 1:
		return setting.Bad("queue", "%d: want at least 1 key", m.Queue)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	case !(m.Momentum >= 0 && m.Momentum <= 1):
		return setting.Bad("momentum", "%v: want a number from 0 to 1", m.Momentum)
	case !(m.Dense > 0 && m.Dense < 1):
		return setting.Bad("dense", "%v: want a share above 0 and below 1; with 0 the method is moco", m.Dense)
	}
	return heads.CheckWidths("projector", m.Projector)
}

// Build implements methods.Method.
func (m *DenseCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode := m.network(s, enc, b)
	x, d := b.Views(2), m.Projector[len(m.Projector)-1]
	query, features := encode(x[0])
	key, _ := m.network(s.Twin("key", s.Constant(m.Momentum)), enc, b)(x[1])
	k, places := op.StopGradient(key.whole), op.StopGradient(key.places)
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d)              // [K,D]
	queue2 := s.In("dense").State("queue", graph.UnitNormal(), m.Queue, d) // [K,D]
	terms := m.terms(s, query, sample{key.maps, k, places}, queue, queue2)
	losses.Enqueue(s, queue, s.AllRows(op.Normalize(k, losses.Eps)))
	losses.Enqueue(s, queue2, s.AllRows(op.Normalize(op.Mean(places, false, 1), losses.Eps)))
	return methods.Objective{
		Features: features,
		Terms:    terms,
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(query.whole)}},
	}
}

// sample is what a network makes of a batch: the backbone's last map [B,T,C], an embedding of the whole [B,D] and of
// every place [B,T,D].
type sample struct{ maps, whole, places *graph.Node }

// network is the encoder with both projectors, of which the dense one treats all places alike: a view -> what it makes
// of it, and the features.
func (m *DenseCL) network(s *graph.Scope, enc methods.Encoder, b *methods.Batch) func(x *graph.Node) (sample,
	*graph.Node) {
	encode := b.NeedPlaces(s, enc)
	return func(x *graph.Node) (sample, *graph.Node) {
		h, last := encode(x) // [B,h,w,C]
		at := op.ShapeOf(last)
		n, t, c := at[0], at[1]*at[2], at[3]
		project := enc.Projector.Plain(s.In("projector"), c, m.Projector...)
		dense := enc.Projector.Plain(s.In("dense").In("projector"), c, m.Projector...)
		places := op.Reshape(dense(op.Reshape(last, n*t, c)), n, t, -1)
		return sample{op.Reshape(last, n, t, c), project(op.GlobalAvgPool(last)), places}, h
	}
}

// terms are the loss of whole views and the loss of places, each by the queue as it was.
func (m *DenseCL) terms(s *graph.Scope, q, k sample, queue, queue2 *graph.Node) []methods.Term {
	n, t, d := op.ShapeOf(q.places)[0], op.ShapeOf(q.places)[1], op.ShapeOf(q.places)[2]
	match := op.GatherTokens(k.places, corresponding(q.maps, k.maps)) // [B,T,D]
	rows := func(x *graph.Node) *graph.Node { return op.Reshape(x, n*t, d) }
	return []methods.Term{
		{Name: "single", Weight: 1 - m.Dense, Value: losses.InfoNCE(s, q.whole, k.whole, queue, m.Temperature)},
		{Name: "dense", Weight: m.Dense, Value: losses.InfoNCE(s, rows(q.places), rows(match), queue2, m.Temperature)},
	}
}

// corresponding is for every place of maps q [B,T,C] the most similar place of maps k: [B,T] int32 (section 3.3).
func corresponding(q, k *graph.Node) *graph.Node {
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(op.StopGradient(x), losses.Eps) }
	return op.Argmax(op.MatMul(unit(q), unit(k), false, true)) // of cosines [B,T,T]
}
