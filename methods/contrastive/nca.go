package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// NCA makes the nearest neighbours of a view likely to be of its class: neighbourhood components analysis.
//
// Goldberger, Hinton, Roweis, Salakhutdinov, NIPS 2004, section 2: with p_ij the softmax over j != i of -|z_i - z_j|^2,
// the mean over views of -log sum_{j in class of i} p_ij. It is the paper's second objective, whose optimum is in
// Kullback-Leibler distance; the first sums the probabilities themselves. Rows are not scaled: their length is what a
// temperature is elsewhere, and the projector is linear as in the paper where it has one width. An image without a
// label has its own views as its class.
type NCA struct {
	Projector []int `toml:"projector"` // widths; the last is D; [] is none
}

// DefaultNCA has a linear projector.
func DefaultNCA() *NCA { return &NCA{Projector: []int{32}} }

// Validate implements methods.Method.
func (m *NCA) Validate() error { return heads.CheckProjector(m.Projector) }

// LearnsFromLabels implements methods.Taught.
func (m *NCA) LearnsFromLabels() {}

// Build implements methods.Method.
func (m *NCA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	b.NeedClasses()
	h, z, _ := embed(s, enc, b, m.Projector)
	rows := make([]*graph.Node, len(z))
	for v := range z {
		rows[v] = s.AllRows(z[v]) // [B,D]
	}
	loss := neighbours(op.Concat(0, rows...), ofClass(s, b.Labels(), len(z)))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "nca", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// neighbours is the loss of rows z [N,D], positives [N,N] 1 for two of one class.
func neighbours(z, positives *graph.Node) *graph.Node {
	logits := op.MaskDiagonal(op.Neg(losses.SquaredDistances(z, z)), -1e9)
	return losses.RecogniseLogits(logits, positives, true, op.ShapeOf(z)[0])
}
