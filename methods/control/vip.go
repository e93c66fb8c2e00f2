package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// VIP, value-implicit pretraining, learns features in which the distance to a goal is the value of being there: the
// dual of reinforcement learning from videos without actions.
//
//	loss = (1-g) mean -V(o; goal) + ln mean exp( -(r + g V(o'; goal) - V(o; goal)) ),  V = -|h - h_goal|
//
// Ma et al., ICLR 2023, arXiv:2210.00030, eq. 7 and alg. 1. The first observation, a later one as the goal, one
// between them and its successor are of one episode; r is 0 at the goal and else -1. As in the authors' code the
// logarithm is also of negatives, observations and successors of other episodes to this goal, and norms of the
// features are kept small.
type VIP struct {
	Discount  float64 `toml:"discount"`  // g
	Negatives int     `toml:"negatives"` // orders of the batch whose observations are negatives; 0: none
	L1        float64 `toml:"l1"`        // weight of the features' sums of magnitudes
	L2        float64 `toml:"l2"`        // weight of their lengths
}

// DefaultVIP has the authors' settings.
func DefaultVIP() *VIP { return &VIP{Discount: 0.98, Negatives: 3, L1: 0.001, L2: 0.001} }

// Validate implements methods.Method.
func (m *VIP) Validate() error {
	return errors.Join(setting.Within("discount", m.Discount, 0, 1), setting.Least("negatives", m.Negatives, 0),
		setting.Weight("l1", m.L1), setting.Weight("l2", m.L2))
}

// Build implements methods.Method.
func (m *VIP) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, n := enc.New(s), b.Size()
	e := s.AllRows(embedded(encode, b.Field(steps.Way))) // [B,4,F]
	reward := op.Shift(b.Field(steps.Reached), -1)
	loss := m.value(e, reward, permutations(s, n, m.Negatives))
	small, short := sizes(e)
	return methods.Objective{
		Features: encode(b.View(0)),
		Terms: []methods.Term{{Name: "vip", Weight: 1, Value: loss}, {Name: "l1", Weight: m.L1, Value: small},
			{Name: "l2", Weight: m.L2, Value: short}},
		Metrics: []methods.Metric{spread(at(e, 2))},
	}
}

// embedded is the features [B,N,F] of observations [B,N,H,W,C].
func embedded(encode func(*graph.Node) *graph.Node, x *graph.Node) *graph.Node {
	shape := op.ShapeOf(x)
	all := op.Reshape(x, append([]int{shape[0] * shape[1]}, shape[2:]...)...)
	return op.Reshape(encode(all), shape[0], shape[1], -1)
}

// sizes are the mean sum of magnitudes and the mean length of features [B,N,F].
func sizes(e *graph.Node) (l1, l2 *graph.Node) {
	return op.MeanAll(op.SumAxes(op.Abs(e), false, 2)), op.MeanAll(norms(e))
}

// value is the loss of features [B,4,F] of the first observation, the goal, one between them and its successor, and
// rewards [B]. The negatives are in so many orders.
func (m *VIP) value(e, reward *graph.Node, orders []*graph.Node) *graph.Node {
	first, goal, now, next := at(e, 0), at(e, 1), at(e, 2), at(e, 3)
	worth := func(h *graph.Node) *graph.Node { return op.Neg(norms(op.Sub(h, goal))) }
	wrong := func(r, h, next *graph.Node) *graph.Node { // the exponential of minus the advantage
		return op.Exp(op.Sub(worth(h), op.Add(r, op.Scale(worth(next), m.Discount))))
	}
	const least = 1e-8
	log := func(x *graph.Node) *graph.Node { return op.Log(op.Shift(op.MeanAll(x), least)) }
	loss := op.Add(op.Scale(op.MeanAll(worth(first)), m.Discount-1), log(wrong(reward, now, next)))
	var others []*graph.Node
	for _, order := range orders {
		never := op.Shift(op.Scale(reward, 0), -1)
		others = append(others, wrong(never, reordered(now, order), reordered(next, order)))
	}
	if len(others) > 0 {
		loss = op.Add(loss, log(op.Concat(0, others...)))
	}
	return loss
}
