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

// ISD distils similarities: a student's predictor learns how similar a slowly following teacher finds another view to
// each of a queue of images.
//
//	loss = mean_i KL( softmax(k_i Q / t_k) || softmax(q_i Q / t_q) )
//
// Tejankar et al., ICCV 2021, arXiv:2012.09259, eq. 1 to 3, with unit rows. It is ReSSL's loss, less the teacher's
// entropy, with a predictor on the student. The student sees view 0 and the teacher view 1. The authors shuffle images
// between GPUs before the teacher's batch norm; here each view is a whole batch.
type ISD struct {
	Projector          []int   `toml:"projector"`           // widths; the last is D
	Predictor          []int   `toml:"predictor"`           // hidden widths; the output is D wide
	Queue              int     `toml:"queue"`               // the teacher's embeddings of past steps
	Temperature        float64 `toml:"temperature"`         // t_q of the student
	TeacherTemperature float64 `toml:"teacher_temperature"` // t_k of the teacher
	Momentum           float64 `toml:"momentum"`            // of the teacher
}

// DefaultISD has the paper's settings for ResNet-50 on ImageNet: the projector is twice as wide as the features, and D
// a quarter of them.
func DefaultISD() *ISD {
	return &ISD{Projector: []int{4096, 512}, Predictor: []int{4096}, Queue: 128000, Temperature: 0.1,
		TeacherTemperature: 0.01, Momentum: 0.999}
}

// Validate implements methods.Method.
func (m *ISD) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Least("queue", m.Queue, 1), setting.Positive("temperature", m.Temperature),
		setting.Positive("teacher_temperature", m.TeacherTemperature), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *ISD) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, d := b.Views(2), m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(slices.Clone(m.Predictor), d)...)
	encodeT, projectT := network(s.Twin("teacher", s.Constant(m.Momentum)))
	h := encode(x[0])                                                       // [B,F]
	q := op.Normalize(predict(project(h)), losses.Eps)                      // [B,D]
	k := op.StopGradient(op.Normalize(projectT(encodeT(x[1])), losses.Eps)) // [B,D]
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d)               // [K,D]
	says := losses.Entropy(op.Softmax(op.Scale(op.MatMul(k, queue, false, true), 1/m.TeacherTemperature)))
	loss := op.Sub(losses.Relation(q, k, queue, m.Temperature, m.TeacherTemperature), says)
	losses.Enqueue(s, queue, s.AllRows(k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "divergence", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(q)},
			{Name: "teacher_entropy", Value: says}},
	}
}
