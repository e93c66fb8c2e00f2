package contrastive

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// UniVCL predicts a key from a view and its nearest neighbours: the predictor is a graph convolution over a graph of
// nearest neighbours, whose edges and nodes are masked, and neighbours of the key are positives too.
//
//	p_i  = predictor( (z_i + sum_j e_ij (m_j o n_j)) / (1 + sum_j e_ij) ),  n_j the keys of the queue nearest to z_i
//	loss = -mean_i mean_(k in P_i) log( e^(p_i k/t) / sum_(k in {k_i} and queue) e^(p_i k/t) )
//
// "Unifying Visual Contrastive Learning for Object Recognition from a Graph Perspective", ECCV 2022,
// doi:10.1007/978-3-031-19809-0_37. There is no code of the authors, and the form here is ours: a queue of keys of a
// slowly following encoder is the graph's nodes; e is 0 with the probability EdgeMask and m with NodeMask in every
// dimension, else 1; P_i are the key of the other view and the Positives keys of the queue nearest to it. Without
// neighbours and positives it is MoCo with a predictor.
type UniVCL struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Predictor   []int   `toml:"predictor"`   // hidden widths; the output is D wide
	Queue       int     `toml:"queue"`       // keys of past steps
	Temperature float64 `toml:"temperature"` // t of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the keys' encoder
	Neighbours  int     `toml:"neighbours"`  // of a view, which the predictor sees
	EdgeMask    float64 `toml:"edge_mask"`   // share of the neighbours that are left out
	NodeMask    float64 `toml:"node_mask"`   // share of a neighbour's dimensions that are 0
	Positives   int     `toml:"positives"`   // neighbours of the key that are positives
}

// DefaultUniVCL has MoCo v2's settings, and as many neighbours as MSF.
func DefaultUniVCL() *UniVCL {
	return &UniVCL{Projector: []int{2048, 128}, Predictor: []int{2048}, Queue: 65536, Temperature: 0.2, Momentum: 0.999,
		Neighbours: 5, EdgeMask: 0.2, NodeMask: 0.2, Positives: 5}
}

// Validate implements methods.Method.
func (m *UniVCL) Validate() error {
	within := func(key string, n int) error {
		if n < 0 || n > m.Queue {
			return setting.Bad(key, "%d: want from 0 to queue = %d", n, m.Queue)
		}
		return nil
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Least("queue", m.Queue, 1), within("neighbours", m.Neighbours), within("positives", m.Positives),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1),
		setting.Within("edge_mask", m.EdgeMask, 0, 1), setting.Within("node_mask", m.NodeMask, 0, 1))
}

// Build implements methods.Method.
func (m *UniVCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, d := b.Views(2), m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project layer.Func) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(slices.Clone(m.Predictor), d)...)
	encodeK, projectK := network(s.Twin("key", s.Constant(m.Momentum)))
	h := encode(x[0])                                                       // [B,F]
	z := op.Normalize(project(h), losses.Eps)                               // [B,D]
	k := op.StopGradient(op.Normalize(projectK(encodeK(x[1])), losses.Eps)) // [B,D]
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d)               // [K,D]
	p := op.Normalize(predict(m.aggregate(s.Random("masks"), z, queue)), losses.Eps)
	loss := m.loss(s, p, k, queue)
	losses.Enqueue(s, queue, s.AllRows(k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
	}
}

// aggregate is the mean of every row of z [B,D] and of its neighbours in the queue, of which some are left out.
func (m *UniVCL) aggregate(r *graph.Random, z, queue *graph.Node) *graph.Node {
	if m.Neighbours == 0 {
		return z
	}
	b, n, d := op.ShapeOf(z)[0], m.Neighbours, op.ShapeOf(z)[1]
	near := op.Reshape(losses.RowsAt(queue, losses.Nearest(op.StopGradient(z), queue, n)), b, n, d)
	edges := r.Bernoulli(1-m.EdgeMask, b, n, 1)
	near = op.StopGradient(op.Mul(op.Mul(near, r.Bernoulli(1-m.NodeMask, b, n, d)), edges))
	count := op.Shift(op.SumAxes(edges, false, 1), 1) // [B,1]
	return op.Div(op.Add(z, op.SumAxes(near, false, 1)), count)
}

// loss is the mean cross-entropy over the positives of unit rows p [B,D] with keys k [B,D] and the queue.
func (m *UniVCL) loss(s *graph.Scope, p, k, queue *graph.Node) *graph.Node {
	logits := losses.Logits(p, k, queue, m.Temperature) // [B,1+K]
	b := op.ShapeOf(p)[0]
	if m.Positives == 0 {
		return op.MeanAll(op.CrossEntropy(logits, losses.First(s, b), 0))
	}
	own := op.BroadcastTo(s.Constant(1), []int{b, 1})
	target := op.Concat(1, own, losses.Among(op.MatMul(k, queue, false, true), m.Positives))
	return op.MeanAll(op.CrossEntropySoft(logits, op.Scale(target, 1/float64(1+m.Positives))))
}
