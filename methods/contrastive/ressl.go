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

// ReSSL makes a student's view be as similar to each of a queue of embeddings as a slowly following teacher says that
// another, weakly augmented view is.
//
//	loss = -mean_i sum_j softmax_j(k_i Q_j / t_k) log softmax_j(q_i Q_j / t_q)
//
// Zheng et al., NeurIPS 2021, arXiv:2107.09282, eq. 3 to 5, with unit rows. The student sees view 0 and the teacher
// view 1: views.jitter = [0.8, 0.0] and the like make the second weak. The teacher's temperature is the lower one, so
// that its answer is sharper. As in the authors' code the queue takes the teacher's embeddings after the loss.
type ReSSL struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Queue       int     `toml:"queue"`       // the teacher's embeddings of past steps
	Temperature float64 `toml:"temperature"` // t_q of the student
	// t_k of the teacher, below the student's
	TeacherTemperature float64 `toml:"teacher_temperature"`
	Momentum           float64 `toml:"momentum"` // of the teacher
}

// DefaultReSSL has the paper's settings for ImageNet.
func DefaultReSSL() *ReSSL {
	return &ReSSL{Projector: []int{4096, 512}, Queue: 131072, Temperature: 0.1, TeacherTemperature: 0.04,
		Momentum: 0.999}
}

// Validate implements methods.Method.
func (m *ReSSL) Validate() error {
	if m.TeacherTemperature > m.Temperature {
		return setting.Bad("teacher_temperature", "%v: want at most temperature = %v, so that the teacher's answer is "+
			"the sharper one", m.TeacherTemperature, m.Temperature)
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Least("queue", m.Queue, 1),
		setting.Positive("temperature", m.Temperature), setting.Positive("teacher_temperature", m.TeacherTemperature),
		setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *ReSSL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, d := b.Views(2), m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	encodeT, projectT := network(s.Twin("teacher", s.Constant(m.Momentum)))
	h := encode(x[0])                                                       // [B,F]
	q := op.Normalize(project(h), losses.Eps)                               // [B,D]
	k := op.StopGradient(op.Normalize(projectT(encodeT(x[1])), losses.Eps)) // [B,D]
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d)               // [K,D]
	loss := losses.Relation(q, k, queue, m.Temperature, m.TeacherTemperature)
	losses.Enqueue(s, queue, s.AllRows(k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "relation", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
	}
}
