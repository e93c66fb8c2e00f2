package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ProtoRL assigns an observation to the prototypes that the next one belongs to, and is curious about what lies apart
// from what prototypes have met.
//
//	loss = - sum Sinkhorn( z'(s') C' / tau ) log softmax( q(z(s)) C' / tau ),  novelty = distance to the k-th nearest
//
// Yarats et al., ICML 2021, arXiv:2102.11271, section 3: in every step each prototype draws an observation of the
// batch by softmax of its scores, and these replace the oldest of a queue, which distances are to. Rows are of unit
// length. No temperature is in the drawing, as in the code of url_benchmark.
type ProtoRL struct {
	Prototypes  int     `toml:"prototypes"`  // how many there are
	Projection  int     `toml:"projection"`  // numbers of an embedding
	Hidden      int     `toml:"hidden"`      // of the predictor q
	Temperature float64 `toml:"temperature"` // tau
	Iterations  int     `toml:"iterations"`  // of Sinkhorn
	Queue       int     `toml:"queue"`       // observations that distances are to
	Neighbour   int     `toml:"neighbour"`   // k
	Momentum    float64 `toml:"momentum"`    // of the encoder of targets
}

// DefaultProtoRL has the authors' settings, with fewer prototypes for small batches.
func DefaultProtoRL() *ProtoRL {
	return &ProtoRL{Prototypes: 128, Projection: 128, Hidden: 512, Temperature: 0.1, Iterations: 3, Queue: 2048,
		Neighbour: 3, Momentum: 0.95}
}

// Validate implements methods.Method.
func (m *ProtoRL) Validate() error {
	err := errors.Join(setting.Least("prototypes", m.Prototypes, 2), setting.Least("projection", m.Projection, 1),
		setting.Least("hidden", m.Hidden, 1), setting.Positive("temperature", m.Temperature),
		setting.Least("iterations", m.Iterations, 1), setting.Least("neighbour", m.Neighbour, 1),
		setting.Within("momentum", m.Momentum, 0, 1))
	if m.Queue < m.Prototypes || m.Queue < m.Neighbour {
		err = errors.Join(err, setting.Bad("queue", "%d: want at least the %d prototypes of a step, and neighbour = %d",
			m.Queue, m.Prototypes, m.Neighbour))
	}
	return err
}

// Build implements methods.Method.
func (m *ProtoRL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o, _ := m.Explore(s, enc, b)
	return o
}

// Explore implements Curious.
func (m *ProtoRL) Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node) {
	teacher := s.Twin("teacher", s.Constant(m.Momentum))
	project := func(s *graph.Scope) layer.Func {
		return layer.Linear(s.In("projection"), enc.Dim, m.Projection, true)
	}
	predict := heads.Plain(s.In("predictor"), m.Projection, m.Hidden, m.Projection)
	protos := op.Normalize(s.Param("prototypes", graph.LinearUniform(m.Projection), m.Prototypes,
		m.Projection), losses.Eps)
	h := enc.New(s)(b.View(0))
	z := project(s)(h)
	own := op.Normalize(predict(z), losses.Eps)
	next := op.Normalize(op.StopGradient(project(teacher)(enc.New(teacher)(b.Field(steps.After(1))))), losses.Eps)
	loss, _ := m.assign(s, own, next, protos)

	met := op.Normalize(op.StopGradient(z), losses.Eps)
	at := s.In("met")
	uniform := at.Random("gumbel").Uniform(m.Prototypes, b.Size())
	gumbel := op.Neg(op.Log(op.Shift(op.Neg(op.Log(op.Shift(uniform, 1e-6))), 1e-6)))
	chosen := op.Argmax(op.Add(op.StopGradient(memberships(protos, met)), gumbel)) // [prototypes]
	queue := at.State("queue", graph.UnitNormal(), m.Queue, m.Projection)
	place := at.Scheduled("queue_at", func(t graph.Time) float64 {
		return float64(t.Draw() * m.Prototypes % m.Queue)
	})
	after := op.PutAt(queue, place, op.Gather(met, chosen))
	at.Update(queue, after)
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "prototypes", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{spread(h)},
	}, m.novelty(met, after)
}

// assign is the loss of embeddings own, next [B,D] with prototypes [K,D], all of unit length, and the targets [B,K].
func (m *ProtoRL) assign(s *graph.Scope, own, next, protos *graph.Node) (loss, target *graph.Node) {
	scores := op.Scale(op.MatMul(own, protos, false, true), 1/m.Temperature)
	target = losses.Sinkhorn(op.MatMul(s.AllRows(next), protos, false, true), m.Temperature, m.Iterations)
	return op.MeanAll(op.CrossEntropySoft(scores, target)), target
}

// memberships are the scores of prototypes with the observations of a batch, [K,B].
func memberships(protos, z *graph.Node) *graph.Node { return op.MatMul(protos, z, false, true) }

// novelty is the distance [B] of z [B,D] to the k-th nearest of a queue [N,D].
func (m *ProtoRL) novelty(z, queue *graph.Node) *graph.Node {
	return at(nearest(z, queue, m.Neighbour), m.Neighbour-1)
}
