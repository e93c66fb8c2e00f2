package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MoCo makes a view recognise the other view of its image, as a slowly following encoder sees it, among a queue of such
// keys of past steps.
//
// Version 2: Chen, Fan, Girshick, He 2020, arXiv:2003.04297, section 3; the loss is eq. 1, queue and momentum are
// section 3.2 of version 1, arXiv:1911.05722. The authors shuffle images between GPUs before the keys' batch norm, so
// that no GPU sees a query and its key with the same statistics (section 3.3). shuffle = 8 is that with eight GPUs, on
// any number of processes: batch norm has the statistics of an eighth of the batch, keys in another order than queries.
// By default both encoders take the batch of their view whole, as the authors' code does on one GPU. A queue need not
// be a multiple of the batch: keys go on at its beginning.
//
// With Symmetric each view recognises the other: the loss is the mean of both, and the queue takes the keys of both, as
// in the authors' notebook for CIFAR-10, which has their sum.
type MoCo struct {
	Queued
	Symmetric bool `toml:"symmetric"` // both views are queries and keys
	// parts of the batch with batch norms of their own, for keys in random order; 0: batch norm sees all
	Shuffle int `toml:"shuffle"`
}

// DefaultMoCo has the paper's settings for ImageNet.
func DefaultMoCo() *MoCo { return &MoCo{Queued: usualQueue()} }

// Queued is what methods with MoCo's queue and keys share.
type Queued struct {
	Projector   []int   `toml:"projector"`   // widths, without norms; the last is D; [] is none
	Queue       int     `toml:"queue"`       // keys of past steps
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the keys' encoder
}

// usualQueue has MoCo v2's settings for ImageNet.
func usualQueue() Queued {
	return Queued{Projector: []int{2048, 128}, Queue: 65536, Temperature: 0.2, Momentum: 0.999}
}

// Validate checks the settings.
func (m *Queued) Validate() error {
	switch {
	case m.Queue < 1:
		return setting.Bad("queue", "%d: want at least 1 key", m.Queue)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	case !(m.Momentum >= 0 && m.Momentum <= 1):
		return setting.Bad("momentum", "%v: want a number from 0 to 1", m.Momentum)
	}
	return heads.CheckProjector(m.Projector)
}

// Validate implements methods.Method.
func (m *MoCo) Validate() error {
	var err error
	if m.Shuffle < 0 || m.Shuffle == 1 {
		err = setting.Bad("shuffle", "%d: want 0, or at least 2 parts of the batch", m.Shuffle)
	}
	return errors.Join(m.Queued.Validate(), err)
}

// Build implements methods.Method.
func (m *MoCo) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.Views(2)
	query, key := m.networks(s, enc)
	if m.Shuffle > 0 {
		query, key = m.inParts(s, b, query, key)
	}
	queue := m.queue(s, enc)
	var h, q, terms, keys []*graph.Node
	for v := range x {
		if v == 1 && !m.Symmetric {
			break
		}
		features, guess := query(x[v])
		k := key(x[1-v])
		h, q = append(h, features), append(q, guess)
		terms = append(terms, losses.InfoNCE(s, guess, k, queue, m.Temperature)) // by the queue as it was
		keys = append(keys, op.Normalize(k, losses.Eps))
	}
	losses.Enqueue(s, queue, s.AllRows(op.Concat(0, keys...)))
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: losses.Mean(terms)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q[0])}},
		Alarms: []methods.Alarm{methods.Guessing("infonce", m.Queue+1, "let the keys' encoder follow more slowly, "+
			"with a momentum nearer to 1, or lower the temperature (sections 2.2 and 3.4.1)")},
	}
}

// networks are the encoder of queries, view -> features [B,F] and query [B,D], and of keys, view -> key [B,D] without
// gradient.
func (m *Queued) networks(s *graph.Scope, enc methods.Encoder) (query func(x *graph.Node) (h, q *graph.Node),
	key func(x *graph.Node) *graph.Node) {
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.Plain(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	encodeK, projectK := network(s.Twin("key", s.Constant(m.Momentum)))
	query = func(x *graph.Node) (h, q *graph.Node) {
		h = encode(x)
		return h, project(h)
	}
	return query, func(x *graph.Node) *graph.Node { return op.StopGradient(projectK(encodeK(x))) }
}

// queue is the keys of past steps [K,D].
func (m *Queued) queue(s *graph.Scope, enc methods.Encoder) *graph.Node {
	return s.State("queue", graph.UnitNormal(), m.Queue, heads.Width(enc.Dim, m.Projector))
}

// keys are the features of the first view [B,F], its queries [B,D], the keys of the second [B,D], without gradient, and
// the queue [K,D].
func (m *Queued) keys(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (h, q, k, queue *graph.Node) {
	x := b.Views(2)
	query, key := m.networks(s, enc)
	h, q = query(x[0])
	return h, q, key(x[1]), m.queue(s, enc)
}
