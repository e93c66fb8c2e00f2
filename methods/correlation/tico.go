package correlation

import (
	"cmp"
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// TiCo makes a view's embedding agree with a slowly following teacher's of the other view, and stay away from the
// directions that embeddings of past steps have in common.
//
//	C_t = beta C_{t-1} + (1-beta) z'z/B,  loss = mean_i (1 - z_i y_i) + rho mean_i z_i' C_t z_i   of unit rows z, y
//
// Zhu, Moraes, Karakulak, Sobol, Canziani, LeCun 2022, arXiv:2206.10698, eq. 4 to 6 and Alg. 1. No gradient goes
// through C. As in lightly's example both views are the student's in turn, C moves with each, and the loss is their
// mean. Of crops of several sizes the teacher sees the large ones, and the student all.
type TiCo struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Covariance float64 `toml:"covariance"` // rho
	Memory     float64 `toml:"memory"`     // beta
	Momentum   float64 `toml:"momentum"`   // of the teacher at the first step; it rises to 1 along half a cosine
}

// DefaultTiCo has the paper's settings for ImageNet.
func DefaultTiCo() *TiCo {
	return &TiCo{Projector: []int{4096, 256}, Covariance: 8, Memory: 0.9, Momentum: 0.99}
}

// Validate implements methods.Method.
func (m *TiCo) Validate() error {
	if err := cmp.Or(setting.Within("memory", m.Memory, 0, 1), setting.Within("momentum", m.Momentum, 0,
		1)); err != nil {
		return err
	}
	return errors.Join(setting.Weight("covariance", m.Covariance), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *TiCo) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	teacher := s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1)))
	encode, project := enc.New(teacher), enc.Projector.MLP(teacher.In("projector"), enc.Dim, m.Projector...)
	var y []*graph.Node
	for _, x := range b.Crops()[0] {
		y = append(y, s.AllRows(project(encode(x)))) // [B,D]
	}
	var agreement, repulsion []*graph.Node
	for i := range z {
		for j := range y {
			if i != j {
				agreement = append(agreement, op.Shift(losses.NegativeCosine(z[i], op.StopGradient(y[j])), 1))
			}
		}
		repulsion = append(repulsion, m.repulsion(s, z[i]))
	}
	return methods.Objective{
		Features: h[0],
		Terms: []methods.Term{{Name: "agreement", Weight: 1, Value: losses.Mean(agreement)},
			{Name: "covariance", Weight: m.Covariance, Value: losses.Mean(repulsion)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// repulsion is mean_i z_i' C z_i of the unit rows of z [B,D], by the second moments C, which it moves first.
func (m *TiCo) repulsion(s *graph.Scope, z *graph.Node) *graph.Node {
	u, d := op.Normalize(z, losses.Eps), op.ShapeOf(z)[1]
	n := float64(op.ShapeOf(z)[0])
	moments := s.State("second_moments", graph.Fill(0), d, d)
	s.Evolve(moments, func(c *graph.Node) *graph.Node {
		return op.Lerp(c, op.StopGradient(op.Scale(op.ColumnGram(u), 1/n)), s.Constant(m.Memory))
	})
	c := op.StopGradient(s.Updated(moments))
	return op.Scale(op.SumAll(op.Mul(op.MatMul(u, c, false, false), u)), 1/n)
}
