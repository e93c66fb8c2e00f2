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

// SGI learns from episodes of others before its agent acts: it predicts coming observations (SPR), tells the action
// that led from one to the next, and learns what actions bring it nearer to random goals.
//
//	loss = spr * SPR + inverse * CE(a | z_k, z_k+1)
//	       + goal * Huber( Q(s,a,g) - (d(s',g) - d(s,g) + gamma max Q(s',a',g)) )
//
// Schwarzer et al., NeurIPS 2021, arXiv:2106.04799, section 3: d is exp(-2 + 2 cos) of the teacher's features, and
// goals are features of others in the batch, a third moved by noise. Here goals are all from the batch, and Q is a
// mean in place of a distribution; the authors' code of this term was not at hand to compare with.
type SGI struct {
	SPR
	SPRWeight float64 `toml:"spr"`      // weight of the prediction
	Inverse   float64 `toml:"inverse"`  // weight of the action's cross-entropy
	Goal      float64 `toml:"goal"`     // weight of the goal's values
	Discount  float64 `toml:"discount"` // gamma of the goal's values
}

// DefaultSGI has the paper's weights.
func DefaultSGI() *SGI {
	return &SGI{SPR: *DefaultSPR(), SPRWeight: 2, Inverse: 1, Goal: 1, Discount: 0.9}
}

// Validate implements methods.Method.
func (m *SGI) Validate() error {
	return errors.Join(m.SPR.Validate(), setting.Weight("spr", m.SPRWeight), setting.Weight("inverse", m.Inverse),
		setting.Weight("goal", m.Goal), setting.Within("discount", m.Discount, 0, 1))
}

// Build implements methods.Method.
func (m *SGI) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	f := m.foresee(s, enc, b)
	now, model := f.terms()
	next := enc.New(s)(b.Field(steps.After(1)))
	taken := op.Reshape(at(b.Field(steps.Actions(m.Jumps)), 0), b.Size())
	told, right := inverse(heads.Plain(s.In("inverse"), 2*enc.Dim, m.Hidden, actionsOf(b)), f.h, next, taken)
	spr := op.Add(op.Scale(now, m.Now), model)
	return methods.Objective{
		Features: f.h,
		Terms: []methods.Term{{Name: "spr", Weight: m.SPRWeight, Value: spr},
			{Name: "inverse", Weight: m.Inverse, Value: told},
			{Name: "goal", Weight: m.Goal, Value: m.nearer(s, enc, b, f.h, next)}},
		Metrics: []methods.Metric{{Name: "told", Value: right}, spread(f.h)},
	}
}

// nearer is the loss of the values of actions for goals: the features of another row.
func (m *SGI) nearer(s *graph.Scope, enc methods.Encoder, b *methods.Batch, h, next *graph.Node) *graph.Node {
	order := permutations(s.In("goal"), b.Size(), 1)[0]
	h1, h0 := op.StopGradient(next), op.StopGradient(h)
	goal := reordered(h0, order)
	a := actionsOf(b)
	values := heads.Plain(s.In("goal").In("value"), 2*enc.Dim, m.Hidden, a)
	near := func(h *graph.Node) *graph.Node {
		cos := op.SumAxes(op.Mul(op.Normalize(h, losses.Eps), op.Normalize(goal, losses.Eps)), false, 1)
		return op.Exp(op.Affine(cos, 2, -2))
	}
	later := op.StopGradient(values(op.Concat(1, h1, goal)))
	best := taken(later, losses.OneHot(s, op.Argmax(later), a))
	goesOn := op.Affine(b.Field(steps.Terminal(1)), -m.Discount, m.Discount)
	target := op.Add(op.Sub(near(h1), near(h0)), op.Mul(goesOn, best))
	return tdLoss(taken(values(op.Concat(1, h, goal)), action(s, b, 0, m.Jumps)), target, 1)
}
