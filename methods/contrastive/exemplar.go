package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Exemplar makes a class of every image of the training set: a linear classifier names it whatever was done to it.
//
//	loss = -mean_i log softmax(W h_i + b)_i
//
// Dosovitskiy, Springenberg, Riedmiller, Brox, NeurIPS 2014, arXiv:1406.6909, eq. 1 to 3. The paper's classes are 8,000
// patches that are chosen by their gradients; here they are the samples of the training set, so that a subset chooses
// them ([subset]). The classifier grows with the set, which the bank of npid does without.
type Exemplar struct {
	Copies int `toml:"copies"` // views of an image in a batch
}

// DefaultExemplar has one view of an image in a batch; the paper draws its 150 transformations of a patch before the
// training.
func DefaultExemplar() *Exemplar { return &Exemplar{Copies: 1} }

// Validate implements methods.Method.
func (m *Exemplar) Validate() error {
	if m.Copies < 1 {
		return setting.Bad("copies", "%d: want at least 1 view", m.Copies)
	}
	return nil
}

// Build implements methods.Method.
func (m *Exemplar) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h := enc.New(s)(op.Concat(0, b.Views(m.Copies)...)) // [copies*B,F]
	logits := layer.Linear(s.In("classifier"), enc.Dim, b.SetSize(), true)(h)
	rows := make([]*graph.Node, m.Copies)
	for i := range rows {
		rows[i] = b.Rows()
	}
	of := op.Concat(0, rows...)
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "exemplar", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, of, 0))}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(logits, of)},
			{Name: "spread", Value: losses.Spread(h)}},
	}
}
