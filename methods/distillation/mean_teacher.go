package distillation

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MeanTeacher learns from few labels: a student learns the labels that there are, and of every image to say what a
// slowly following teacher says of another view of it.
//
//	loss = -mean over labelled log p(y | x) + w(t) mean (softmax f(x) - softmax f'(x'))^2
//
// Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780. The mean of the second term is over
// images and classes, w rises as exp(-5 (1-t)^2), and the teacher follows with momentum min(1 - 1/(step+1), momentum),
// all as in the authors' code; there the weight also falls at the end. The labelled term is the mean over the labelled
// images of a batch, where the code for PyTorch divides by the whole batch. The teacher is evaluated and exported.
type MeanTeacher struct {
	Consistency float64        `toml:"consistency"` // weight of the agreement with the teacher, at its most
	RampUp      setting.Length `toml:"ramp_up"`     // in which the weight rises to this
	Momentum    [2]float64     `toml:"momentum"`    // of the teacher, during the ramp-up and after it
}

// DefaultMeanTeacher has the paper's settings for CIFAR-10, which rise over 40,000 of 150,000 steps.
func DefaultMeanTeacher() *MeanTeacher {
	return &MeanTeacher{Consistency: 100, RampUp: setting.Percent(27), Momentum: [2]float64{0.99, 0.999}}
}

// LearnsFromFewLabels implements methods.PartlyTaught.
func (m *MeanTeacher) LearnsFromFewLabels() {}

// Validate implements methods.Method.
func (m *MeanTeacher) Validate() error {
	return errors.Join(setting.Positive("consistency", m.Consistency), setting.Within("momentum", m.Momentum[0], 0, 1),
		setting.Within("momentum", m.Momentum[1], 0, 1))
}

// Build implements methods.Method.
func (m *MeanTeacher) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	classes, labels, x := b.NeedClasses(), b.Labels(), b.Views(2)
	_, said := classifier(s, enc, classes)(x[0]) // [B,K]
	teacher := classifier(s.Twin("teacher", s.Scheduled("teacher_momentum", m.momentum)), enc, classes)
	h, target := teacher(x[1])
	weight := s.Scheduled("consistency_weight", rampUp(m.RampUp))
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{supervisedTerm(said, labels),
			{Name: "consistency", Weight: m.Consistency, Value: op.Mul(weight, agreement(said, target))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(said, labels)},
			{Name: "teacher_accuracy", Value: op.Accuracy(target, labels)}},
		Encoder: "teacher/" + methods.Backbone,
	}
}

// momentum is the teacher's.
func (m *MeanTeacher) momentum(t graph.Time) float64 {
	most := m.Momentum[0]
	if t.Step >= m.RampUp.Steps(t.PerEpoch, t.Steps) {
		most = m.Momentum[1]
	}
	return min(1-1/float64(t.Step+1), most)
}

// agreement is the mean squared difference of the probabilities by logits [B,K] and by others, which get no gradient.
func agreement(logits, target *graph.Node) *graph.Node {
	return losses.MSE(op.Softmax(logits), op.StopGradient(op.Softmax(target)))
}
