// Package control holds methods for agents that see pixels: learners that act, what they learn beside it or before it,
// and what makes them curious: section 4.1 of the Cookbook (arXiv:2304.12210). They learn from the steps of episodes,
// see datasets/steps.
package control

import (
	"errors"
	"math"
	"slices"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Curious is a Method that tells how new to it what happened in each step of a batch is.
type Curious interface {
	methods.Method
	// Explore is Build, with the novelty [B], to which no gradient is passed.
	Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node)
}

// Agent is the settings that learners share.
type Agent struct {
	// what the encoder learns beside the reward, from the same steps; none: the reward alone
	Base   overlay.Choice[methods.Method] `toml:"base" overlay:"of=method,optional"`
	Weight float64                        `toml:"weight"` // of the base's terms
	// of the base's novelty, over its running deviation, which is added to the reward of a step; 0: none
	Bonus    float64 `toml:"bonus"`
	Hidden   []int   `toml:"hidden"`   // widths of the layers between features and values
	Discount float64 `toml:"discount"` // of a reward for every step that it is later
	Steps    int     `toml:"steps"`    // whose rewards are summed before the values of what is observed then
	Momentum float64 `toml:"momentum"` // of the target network, which gives those values
	Acts     int     `toml:"acts"`     // actions between two steps of the training
	Frozen   bool    `toml:"frozen"`   // the encoder stays as [init] has it
	// a batch norm before the hidden layers, as in the policies of PVR (arXiv:2203.03580) and VC-1 (arXiv:2303.18240)
	Normalize bool `toml:"normalize"`
}

func defaultAgent() Agent {
	return Agent{Weight: 1, Hidden: []int{128}, Discount: 0.95, Steps: 3, Momentum: 0.99, Acts: 1}
}

func (m *Agent) validate() error {
	err := errors.Join(setting.Weight("weight", m.Weight), setting.Weight("bonus", m.Bonus),
		setting.Within("discount", m.Discount, 0, 1), setting.Least("steps", m.Steps, 1),
		setting.Within("momentum", m.Momentum, 0, 1), setting.Least("acts", m.Acts, 1),
		heads.CheckHidden("hidden", m.Hidden))
	_, curious := m.Base.Value.(Curious)
	_, learner := m.Base.Value.(methods.Acts)
	switch {
	case m.Bonus > 0 && !curious:
		err = errors.Join(err, setting.Bad("bonus", "%v: base = %q knows no novelty; want a base such as rnd or icm, "+
			"or 0", m.Bonus, m.Base.Name))
	case learner:
		err = errors.Join(err, setting.Bad("base", "%s: is a learner itself", m.Base.Name))
	case m.Frozen && m.Base.Value != nil:
		err = errors.Join(err, setting.Bad("frozen", "true: the base = %s trains the encoder; want no base",
			m.Base.Name))
	}
	return err
}

// transition is what a batch of steps tells a learner.
type transition struct {
	actions          int
	h, then, thenNow *graph.Node // features [B,F]: now, n steps later by the target's encoder, and by the learner's
	target           *graph.Scope
	action           *graph.Node // [B] int32
	reward           *graph.Node // [B] of n steps, discounted
	discount         *graph.Node // [B] of the values n steps later; 0 where the episode ended
	base             methods.Objective
}

// observe builds the encoder, the target's and the base.
func (m *Agent) observe(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *transition {
	n := m.Steps
	t := &transition{actions: actionsOf(b), target: s.Twin("target", s.Constant(m.Momentum))}
	encode, target := enc.New(m.encoder(s)), enc.New(t.target)
	if m.Frozen {
		target = encode
	}
	x, later := b.View(0), b.Field(steps.After(n))
	t.h, t.then, t.thenNow = encode(x), op.StopGradient(target(later)), op.StopGradient(encode(later))
	t.action = op.Reshape(op.Slice(b.Field(steps.Actions(n)), 1, 0, 1), b.Size())
	powers := make([]float64, n)
	for k := range powers {
		powers[k] = math.Pow(m.Discount, float64(k))
	}
	t.reward = op.SumAxes(op.Mul(b.Field(steps.Rewards(n)), s.Floats("const/discounts", powers, 1, n)), false, 1)
	taken := op.SumAxes(b.Field(steps.Alive(n)), false, 1) // [B] steps until then
	goesOn := op.Affine(b.Field(steps.Terminal(n)), -1, 1)
	t.discount = op.Mul(op.Exp(op.Scale(taken, math.Log(max(m.Discount, 1e-30)))), goesOn)
	m.beside(s, enc, b, t)
	return t
}

// encoder is the scope of the encoder.
func (m *Agent) encoder(s *graph.Scope) *graph.Scope {
	if m.Frozen {
		return s.Locked()
	}
	return s
}

// beside builds the base, whose novelty becomes part of the reward.
func (m *Agent) beside(s *graph.Scope, enc methods.Encoder, b *methods.Batch, t *transition) {
	var novelty *graph.Node
	switch base := m.Base.Value.(type) {
	case nil:
		return
	case Curious:
		t.base, novelty = base.Explore(s, enc, b)
	default:
		t.base = base.Build(s, enc, b)
	}
	if t.base.Players != nil {
		op.Fail("", "base = %s has several optimisers, of which none would train the values; want one loss",
			m.Base.Name)
	}
	if m.Bonus > 0 {
		t.reward = op.Add(t.reward, op.Scale(scaled(s.In("bonus"), novelty), m.Bonus))
	}
}

// scaled is the novelty over its running deviation, which steps of the training update by a hundredth.
func scaled(s *graph.Scope, novelty *graph.Node) *graph.Node {
	novelty = op.StopGradient(novelty)
	mean, square := s.State("mean", graph.Fill(0)), s.State("square", graph.Fill(1))
	all := s.AllRows(novelty)
	const rate = 0.01
	s.Update(mean, op.Lerp(mean, op.MeanAll(all), s.Constant(1-rate)))
	s.Update(square, op.Lerp(square, op.MeanAll(op.Square(all)), s.Constant(1-rate)))
	variance := op.Relu(op.Sub(square, op.Square(mean)))
	return op.Mul(novelty, op.Rsqrt(op.Shift(variance, 1e-4)))
}

// head is the layers from features [B,F] to values [B,out].
func (m *Agent) head(s *graph.Scope, in, out int) layer.Func {
	layers := heads.Plain(s, in, append(slices.Clone(m.Hidden), out)...)
	if m.Normalize {
		layers = layer.Chain(layer.BatchNormPlain(s.In("norm"), in), layers)
	}
	return layers
}
