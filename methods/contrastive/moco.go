package contrastive

import (
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
// that no GPU sees a query and its key with the same statistics. Here both encoders take the batch of their view whole,
// as the authors' code does on one GPU. A queue need not be a multiple of the batch: keys go on at its beginning.
type MoCo struct {
	Projector   []int   `toml:"projector"`   // widths, without norms; the last is D; [] is none
	Queue       int     `toml:"queue"`       // keys of past steps
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the keys' encoder
}

// DefaultMoCo has the paper's settings for ImageNet.
func DefaultMoCo() *MoCo {
	return &MoCo{Projector: []int{2048, 128}, Queue: 65536, Temperature: 0.2, Momentum: 0.999}
}

// Validate implements methods.Method.
func (m *MoCo) Validate() error {
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

// Build implements methods.Method.
func (m *MoCo) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, q, k, queue := m.keys(s, enc, b)
	loss := losses.InfoNCE(s, q, k, queue, m.Temperature) // by the queue as it was
	losses.Enqueue(s, queue, s.AllRows(op.Normalize(k, losses.Eps)))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
		Alarms: []methods.Alarm{methods.Guessing("infonce", m.Queue+1, "let the keys' encoder follow more slowly, "+
			"with a momentum nearer to 1, or lower the temperature (sections 2.2 and 3.4.1)")},
	}
}

// keys are the features of the first view [B,F], its queries [B,D], the keys of the second [B,D], without gradient, and
// the queue [K,D].
func (m *MoCo) keys(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (h, q, k, queue *graph.Node) {
	x := b.Views(2)
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.Plain(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	encodeK, projectK := network(s.Twin("key", s.Constant(m.Momentum)))
	h = encode(x[0])
	q, k = project(h), op.StopGradient(projectK(encodeK(x[1])))
	return h, q, k, s.State("queue", graph.UnitNormal(), m.Queue, heads.Width(enc.Dim, m.Projector))
}
