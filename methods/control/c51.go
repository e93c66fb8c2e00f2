package control

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Distributions of returns, as C51 has them.

// support is the returns of the atoms, [1,N].
func (m *DQN) support(s *graph.Scope) *graph.Node {
	z := make([]float64, m.Atoms)
	for i := range z {
		z[i] = m.Range[0] + m.apart()*float64(i)
	}
	return s.Floats("const/atoms", z, 1, m.Atoms)
}

func (m *DQN) apart() float64 { return (m.Range[1] - m.Range[0]) / float64(m.Atoms-1) }

// means are the expected returns [B,A] of what values gives.
func (m *DQN) means(s *graph.Scope, values *graph.Node, actions int) *graph.Node {
	if m.Atoms == 0 {
		return values
	}
	p := op.Softmax(op.Reshape(values, -1, m.Atoms))                              // [B*A,N]
	return op.Reshape(op.SumAxes(op.Mul(p, m.support(s)), false, 1), -1, actions) // [B,A]
}

// atomsOf are the logits [B,N] of the action that chosen [B,A] names, of values [B,A*N].
func atomsOf(values, chosen *graph.Node) *graph.Node {
	b, a := op.ShapeOf(chosen)[0], op.ShapeOf(chosen)[1]
	return op.SumAxes(op.Mul(op.Reshape(values, b, a, -1), op.Reshape(chosen, b, a, 1)), false, 1)
}

// distributions is the mean cross-entropy of logits [B,N] with the distribution of later logits, moved by reward and
// discount [B] and shared out among the atoms [B,N], which is given too. A return between two atoms goes to both, the
// nearer getting more: a triangle of an atom's distance to either side.
func (m *DQN) distributions(s *graph.Scope, logits, later, reward, discount *graph.Node) (loss, shared *graph.Node) {
	n := m.Atoms
	moved := op.Add(op.Reshape(reward, -1, 1), op.Mul(op.Reshape(discount, -1, 1), m.support(s))) // [B,N]
	moved = layer.AtMost(layer.AtLeast(moved, m.Range[0]), m.Range[1])
	distance := op.Abs(op.Sub(op.Reshape(moved, -1, 1, n), op.Reshape(m.support(s), 1, n, 1))) // [B,to,from]
	share := op.Relu(op.Affine(distance, -1/m.apart(), 1))
	shared = op.StopGradient(op.SumAxes(op.Mul(share, op.Reshape(op.Softmax(later), -1, 1, n)), false, 2))
	return op.MeanAll(op.CrossEntropySoft(logits, shared)), shared
}
