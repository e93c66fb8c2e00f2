package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// BarlowBalance predicts by the actions what is observed next and correlates the predictions with what comes, number
// by number: Barlow Twins in time, with as much weight for all diagonal entries together as for all others.
//
//	loss = mean over k of ( 1/D sum_i (1 - C_ii)^2 + 1/(D(D-1)) sum_i,j C_ij^2 ),  C = corr( p(z_k), p(z'_k) )
//
// Zhang, GX-Chen, Sobal, LeCun and Carion 2022, arXiv:2208.12345: of joint-embedding objectives over a latent forward
// model, the balanced Barlow loss did best in linear probes of rewards and of experts' actions. Their model is a GRU
// over an encoder of Atari frames. The weights of the two sums are ours: neither the paper's numbers nor its code were
// at hand to compare with. No encoder follows another: both sides have gradients.
type BarlowBalance struct {
	Jumps     int   `toml:"jumps"`     // steps that are predicted
	Hidden    int   `toml:"hidden"`    // width of the model
	Projector []int `toml:"projector"` // widths of p; the last is D
}

// DefaultBarlowBalance predicts 5 steps.
func DefaultBarlowBalance() *BarlowBalance {
	return &BarlowBalance{Jumps: 5, Hidden: 256, Projector: []int{256, 256}}
}

// Validate implements methods.Method.
func (m *BarlowBalance) Validate() error {
	return errors.Join(setting.Least("jumps", m.Jumps, 1), setting.Least("hidden", m.Hidden, 1),
		heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *BarlowBalance) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, project := enc.New(s), heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	next := dynamics(s.In("model"), enc.Dim, actionsOf(b), m.Hidden)
	h := encode(b.View(0))
	later := b.Field(steps.Ahead(m.Jumps))
	var loss []*graph.Node
	z := h
	for k := range m.Jumps {
		z = next(z, action(s, b, k, m.Jumps))
		loss = append(loss, balanced(s, project(z), project(encode(at(later, k)))))
	}
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "barlow", Weight: 1, Value: losses.Mean(loss)}},
		Metrics:  []methods.Metric{spread(h)},
	}
}

// balanced is the loss of two embeddings [B,D].
func balanced(s *graph.Scope, a, b *graph.Node) *graph.Node {
	a, b = s.AllRows(a), s.AllRows(b)
	n, d := float64(op.ShapeOf(a)[0]), op.ShapeOf(a)[1]
	c := op.Scale(op.MatMul(losses.Standardise(a), losses.Standardise(b), true, false), 1/n) // [D,D]
	off := op.SumAll(op.Square(op.OffDiagonal(c)))
	own := op.SumAll(op.Square(op.Mul(op.Sub(c, s.Identity(d)), s.Identity(d))))
	return op.Add(op.Scale(own, 1/float64(d)), op.Scale(off, 1/float64(d*max(d-1, 1))))
}
