package distillation

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// PseudoLabel learns from few labels: of an image without a label, the class that the network itself finds most likely
// is taken for its label.
//
//	loss = mean over labelled CE(f(x), y) + a(t) mean over unlabelled CE(f(x), argmax f(x))
//
// Lee, ICML 2013 workshop, Pseudo-Label: a(t) is 0 until one time, rises in a straight line until
// another, and then stays. The pseudo-labels are made anew in every step. The paper's networks are trained as denoising
// autoencoders first and have dropout; here views take its place.
type PseudoLabel struct {
	Weight float64        `toml:"weight"` // of the pseudo-labels, at its most
	Begin  setting.Length `toml:"begin"`  // when their weight begins to rise
	Full   setting.Length `toml:"full"`   // when it has risen
}

// DefaultPseudoLabel has the paper's settings for MNIST, where the weight rises from epoch 100 to 600.
func DefaultPseudoLabel() *PseudoLabel {
	return &PseudoLabel{Weight: 3, Begin: setting.Percent(10), Full: setting.Percent(60)}
}

// LearnsFromFewLabels implements methods.PartlyTaught.
func (m *PseudoLabel) LearnsFromFewLabels() {}

// Validate implements methods.Method.
func (m *PseudoLabel) Validate() error {
	if m.Begin.Unit == m.Full.Unit && m.Begin.Count > m.Full.Count {
		return setting.Bad("full", "%v: want at least begin, %v", m.Full, m.Begin)
	}
	return setting.Positive("weight", m.Weight)
}

// Build implements methods.Method.
func (m *PseudoLabel) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	labels := b.Labels()
	h, logits := classifier(s, enc, b.NeedClasses())(b.View(0)) // [B,F], [B,K]
	weight := s.Scheduled("pseudo_weight", rise(m.Begin, m.Full))
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{supervisedTerm(logits, labels),
			{Name: "pseudo", Weight: m.Weight, Value: op.Mul(weight, pseudo(s, logits, labels))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(logits, labels)}},
	}
}

// pseudo is the mean cross-entropy of logits [B,K] with their own largest, over the samples without a label.
func pseudo(s *graph.Scope, logits, labels *graph.Node) *graph.Node {
	return losses.MeanOver(op.CrossEntropy(logits, op.Argmax(logits), 0), s.AllRows(withoutLabel(s, labels)))
}
