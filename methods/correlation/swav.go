package correlation

import (
	"cmp"
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SwAV makes every crop name the prototypes that another crop of its image was assigned to, where assignments share the
// prototypes evenly over the batch.
//
//	loss = mean over large crops i and other crops v of -sum q_i log softmax(z_v c / T),  q_i = Sinkhorn(z_i c / eps)
//
// Caron et al., NeurIPS 2020, arXiv:2006.09882, eq. 2 to 5 and Alg. 1. As in the authors' code crops of one size are a
// batch for batch norm in the encoder and all crops are one in the projector, and a queue of past embeddings of each
// large crop takes part in the assignment. Prototypes have unit length: the code scales them after every step, here the
// length is divided out, with its gradient. The code begins to fill the queue where it begins to count; here it is
// filled from the first step on, and counts when it is full.
type SwAV struct {
	Projector   []int          `toml:"projector"`   // widths; the last is D
	Prototypes  int            `toml:"prototypes"`  // K
	Temperature float64        `toml:"temperature"` // T
	Epsilon     float64        `toml:"epsilon"`     // of the assignment: larger is more even within a sample
	Iterations  int            `toml:"iterations"`  // of Sinkhorn and Knopp
	Queue       int            `toml:"queue"`       // embeddings of each large crop; 0: there is none
	QueueFrom   setting.Length `toml:"queue_from"`  // when the queue begins to count
	Hold        setting.Length `toml:"hold"`        // how long the prototypes stay as they are drawn
}

// DefaultSwAV has the paper's settings for ImageNet with 4096 images a step, which need no queue. With
// 256 images a step the paper has a queue of 3840 that counts from the 15th of 200 epochs on.
func DefaultSwAV() *SwAV {
	return &SwAV{
		Projector: []int{2048, 128}, Prototypes: 3000, Temperature: 0.1, Epsilon: 0.05, Iterations: 3,
		QueueFrom: setting.Percent(7.5), Hold: setting.Epochs(1),
	}
}

// Validate implements methods.Method.
func (m *SwAV) Validate() error {
	if m.Prototypes < 2 {
		return setting.Bad("prototypes", "%d: want at least 2", m.Prototypes)
	}
	if m.Iterations < 1 {
		return setting.Bad("iterations", "%d: want at least 1", m.Iterations)
	}
	if m.Queue < 0 {
		return setting.Bad("queue", "%d: want 0, for none, or a multiple of the batch", m.Queue)
	}
	return errors.Join(cmp.Or(setting.Positive("temperature", m.Temperature), setting.Positive("epsilon", m.Epsilon)),
		heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *SwAV) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	encode, project := enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	score := layer.WeightNormLinear(s.In("prototypes"), d, m.Prototypes, false)
	if n := b.SetSize(); m.Prototypes > n {
		op.Fail("", "prototypes = %d are more than the %d training samples, which cannot share them evenly; want at "+
			"most that", m.Prototypes, n)
	}
	crops := b.Crops()
	var h []*graph.Node // a batch for each size of crop
	for _, x := range crops {
		h = append(h, encode(op.Concat(0, x...))) // [VB,F]
	}
	z := op.Normalize(project(op.Concat(0, h...)), losses.Eps) // [VB,D], crops of all sizes
	scores, _ := methods.SplitViews([]*graph.Node{score(z)}, b.Size())
	for v := range scores {
		scores[v] = s.AllRows(scores[v]) // [B,K]
	}
	var past []*graph.Node
	if m.Queue > 0 {
		past = m.past(s, z, score, b.Size(), len(crops[0]))
	}
	loss, codes := m.Loss(s, scores, past, len(crops[0]))
	used := op.Mean(codes[0], false, 0) // [K]
	return methods.Objective{
		Features: op.Slice(h[0], 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "swapped", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z)},
			{Name: "prototype_entropy", Value: losses.Entropy(op.Reshape(used, 1, m.Prototypes))}},
		Alarms: []methods.Alarm{methods.Guessing("swapped", m.Prototypes, "hold the prototypes for longer, by hold, "+
			"or lower epsilon, which sharpens the assignments (section 2.4)")},
		Tune: []methods.Tune{{Scope: "prototypes", Hold: methods.During(m.Hold)}},
	}
}

// Loss is the swapped prediction of crops' scores [B,K], the large ones first, and the assignments of these. past are
// the scores of the queues [Queue,K], nil where there are none.
func (m *SwAV) Loss(s *graph.Scope, scores, past []*graph.Node, large int) (loss *graph.Node, codes []*graph.Node) {
	n := op.ShapeOf(scores[0])[0]
	for i, x := range scores[:large] {
		q := losses.Sinkhorn(x, m.Epsilon, m.Iterations)
		if past != nil {
			with := losses.Sinkhorn(op.Concat(0, x, past[i]), m.Epsilon, m.Iterations)
			full := s.Scheduled("queue_counts", m.queueCounts(n))
			q = op.Lerp(op.Slice(with, 0, 0, n), q, full) // the first where it is 1
		}
		codes = append(codes, q)
	}
	var logits []*graph.Node
	for _, x := range scores {
		logits = append(logits, op.Scale(x, 1/m.Temperature))
	}
	return losses.CrossEntropyOfPairs(codes, logits), codes
}

// queueCounts is 1 in steps in which the queue counts, else 0.
func (m *SwAV) queueCounts(batch int) graph.Schedule {
	return func(t graph.Time) float64 {
		if t.Step >= m.QueueFrom.Steps(t.PerEpoch, t.Steps) && t.Draw()*batch >= m.Queue {
			return 1
		}
		return 0
	}
}

// past is the scores of the queues, into which the embeddings z [VB,D] of the large crops go.
func (m *SwAV) past(s *graph.Scope, z *graph.Node, score layer.Func, b, large int) (scores []*graph.Node) {
	for i := range large {
		keys := s.AllRows(op.StopGradient(op.Slice(z, 0, i*b, (i+1)*b)))
		if n := op.ShapeOf(keys)[0]; m.Queue%n != 0 {
			op.Fail(s.Path(), "queue = %d is no multiple of the %d images of a step; want %d", m.Queue, n,
				max(1, (m.Queue+n/2)/n)*n)
		}
		queue := s.State(fmt.Sprintf("queue/%d", i), graph.Fill(0), m.Queue, op.ShapeOf(z)[1])
		losses.Enqueue(s, queue, keys)
		scores = append(scores, op.StopGradient(score(queue)))
	}
	return scores
}
