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

// MSF shifts an image towards the mean of its nearest neighbours, among embeddings that a slowly following teacher gave
// a queue of images.
//
//	loss = mean_i 1/k sum_(j of the k nearest to t_i) 2 - 2 q_i Q_j
//
// Koohpayegani, Tejankar, Pirsiavash, ICCV 2021, arXiv:2105.07269, eq. 1, with unit rows: t is the teacher's embedding
// of view 1 and q the predictor's of view 0. As in the authors' code the targets enter the queue before the search, so
// that the first neighbour is the image itself; with neighbours = 1 the method is BYOL in one direction.
//
// Constraint takes the neighbours from a part of the queue, which allows more distant ones (Navaneet et al., ECCV 2022,
// arXiv:2112.04607, section 3). "past": half of the loss has neighbours that are, in embeddings of an epoch ago, among
// the Pool nearest to the image; the form with two queues of its code, except that an image's past embedding enters the
// second queue with it, where the code looks it up in the search. "labels": images of its class, where the queue has
// that many.
type MSF struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Predictor  []int   `toml:"predictor"`  // hidden widths; the output is D wide
	Queue      int     `toml:"queue"`      // the teacher's embeddings, of this step and past ones
	Neighbours int     `toml:"neighbours"` // k, the image itself among them
	Momentum   float64 `toml:"momentum"`   // of the teacher
	Constraint string  `toml:"constraint"` // none | past | labels
	Pool       int     `toml:"pool"`       // of constraint = "past": nearest of an epoch ago, at least k
}

const (
	unconstrained = "none"
	byPast        = "past"
	byLabels      = "labels"
)

// DefaultMSF has the paper's settings for ResNet-50 on ImageNet: projector and predictor are twice as wide as the
// features, and D a quarter of them.
func DefaultMSF() *MSF {
	return &MSF{Projector: []int{4096, 512}, Predictor: []int{4096}, Queue: 128000, Neighbours: 5, Momentum: 0.99,
		Constraint: unconstrained, Pool: 10}
}

// Validate implements methods.Method.
func (m *MSF) Validate() error {
	switch {
	case !slices.Contains([]string{unconstrained, byPast, byLabels}, m.Constraint):
		return setting.Bad("constraint", "%q: want %q, %q or %q", m.Constraint, unconstrained, byPast, byLabels)
	case m.Neighbours < 1 || m.Neighbours > m.Queue:
		return setting.Bad("neighbours", "%d: want from 1 to queue = %d", m.Neighbours, m.Queue)
	case m.Constraint == byPast && (m.Pool < m.Neighbours || m.Pool > m.Queue):
		return setting.Bad("pool", "%d: want from neighbours = %d to queue = %d", m.Pool, m.Neighbours, m.Queue)
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *MSF) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, d := b.Views(2), m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(slices.Clone(m.Predictor), d)...)
	encodeT, projectT := network(s.Twin("teacher", s.Constant(m.Momentum)))
	h := encode(x[0])                                                            // [B,F]
	q := predict(project(h))                                                     // [B,D]
	target := op.StopGradient(op.Normalize(projectT(encodeT(x[1])), losses.Eps)) // [B,D]
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d)                    // [K,D]
	losses.Enqueue(s, queue, s.AllRows(target))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "shift", Weight: 1, Value: m.loss(s, b, q, target, s.Updated(queue))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
	}
}

// loss is the mean squared distance of q [B,D] from the neighbours of the targets [B,D] in a queue that has them.
func (m *MSF) loss(s *graph.Scope, b *methods.Batch, q, target, queue *graph.Node) *graph.Node {
	cosines := op.MatMul(target, queue, false, true) // [B,K]
	plain := func() *graph.Node { return losses.MeanShift(q, queue, op.TopK(cosines, m.Neighbours)) }
	among := func(chosen *graph.Node) *graph.Node { // of [B,K]: 1 where neighbours may be
		return losses.MeanShift(q, queue, op.TopK(op.Add(cosines, op.Scale(chosen, 4)), m.Neighbours))
	}
	switch m.Constraint {
	case byPast:
		return op.Scale(op.Add(plain(), among(m.nearInPast(s, b, target))), 0.5)
	case byLabels:
		return among(m.sameClass(s, b))
	}
	return plain()
}

// nearInPast is 1 for the rows of the queue whose embeddings of an epoch ago are among the nearest to that of each
// sample, [B,K]. The own row is one of them: before its second epoch a sample has a random past.
func (m *MSF) nearInPast(s *graph.Scope, b *methods.Batch, target *graph.Node) *graph.Node {
	d := op.ShapeOf(target)[1]
	bank := s.State("past", graph.UnitNormal(), b.SetSize(), d)    // [N,D]
	queue := s.State("past_queue", graph.UnitNormal(), m.Queue, d) // [K,D]
	past := op.Gather(bank, b.Rows())                              // [B,D]
	losses.Enqueue(s, queue, s.AllRows(past))
	s.Update(bank, op.PutRows(bank, s.AllRows(b.Rows()), s.AllRows(target)))
	cosines := op.MatMul(past, s.Updated(queue), false, true) // [B,K]
	return losses.Among(cosines, m.Pool)
}

// sameClass is 1 for the rows of the queue that have the label of each sample, [B,K].
func (m *MSF) sameClass(s *graph.Scope, b *methods.Batch) *graph.Node {
	if b.Classes() == 0 {
		op.Fail("", "constraint = %q takes neighbours of the same class, and the training samples have no labels; "+
			"want %q or %q", byLabels, byPast, unconstrained)
	}
	labels := s.IntState("queue_labels", graph.Fill(-2), m.Queue) // no row yet has a label
	losses.Enqueue(s, labels, s.AllRows(b.Labels()))
	return s.Equal(op.Reshape(b.Labels(), b.Size(), 1), op.Reshape(s.Updated(labels), 1, m.Queue))
}
