package contrastive

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// NNCLR makes the nearest neighbour of a view, in a queue of embeddings of past steps, recognise the other view of its
// image among the batch: positives are other images.
//
//	loss = -mean_i log( e^(nn_i p_i/t) / sum_j e^(nn_i p_j/t) ), half for each direction
//
// Dwibedi et al., ICCV 2021, arXiv:2104.14548, eq. 4, with unit rows. nn_i is the neighbour of view 1's embedding and p
// the predictor's of view 2. As in the paper the queue takes the embeddings of the first view, after the loss; it holds
// unit rows, where solo-learn's holds them as they are, which have the same neighbours. Of more than two views the
// large ones look for neighbours.
type NNCLR struct {
	Projector   []int   `toml:"projector"`   // widths, each with a norm; the last is D
	Predictor   []int   `toml:"predictor"`   // hidden widths; the output is D wide
	Queue       int     `toml:"queue"`       // embeddings of past steps
	Temperature float64 `toml:"temperature"` // t of the cosine similarities
}

// DefaultNNCLR has the paper's settings for ImageNet.
func DefaultNNCLR() *NNCLR {
	return &NNCLR{Projector: []int{2048, 2048, 256}, Predictor: []int{4096}, Queue: 98304, Temperature: 0.1}
}

// Validate implements methods.Method.
func (m *NNCLR) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Least("queue", m.Queue, 1), setting.Positive("temperature", m.Temperature))
}

// Build implements methods.Method.
func (m *NNCLR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	encode, project := enc.New(s), enc.Projector.Normed(s.In("projector"), enc.Dim, true, m.Projector...)
	predict := heads.MLP(s.In("predictor"), d, append(slices.Clone(m.Predictor), d)...)
	crops := b.Crops()
	var h, p, z []*graph.Node
	for _, x := range slices.Concat(crops...) {
		y := encode(x) // [B,F]
		e := project(y)
		h, z, p = append(h, y), append(z, op.Normalize(e, losses.Eps)), append(p, predict(e)) // [B,D]
	}
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d) // [K,D]
	loss := losses.Mean(methods.Crossed(p, z[:len(crops[0])], func(p, z *graph.Node) *graph.Node {
		return m.term(s, p, z, queue)
	}))
	losses.Enqueue(s, queue, s.AllRows(op.StopGradient(z[0])))
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
		Alarms: []methods.Alarm{methods.Guessing("infonce", b.Size(), "make the queue longer, so that neighbours are "+
			"of the same kind, or lower the temperature (section 2.2)")},
	}
}

// term is the loss of predictions p [B,D] and the neighbours of unit rows z [B,D] in the queue.
func (m *NNCLR) term(s *graph.Scope, p, z, queue *graph.Node) *graph.Node {
	near := op.StopGradient(losses.RowsAt(queue, losses.Nearest(z, queue, 1))) // [B,D]
	return losses.InfoNCE(s, near, p, nil, m.Temperature)
}
