package control

import (
	"errors"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DQN learns what actions are worth from the steps of an agent's memory, and acts by it: it takes the best action, or
// any with a probability that falls.
//
//	loss = mean Huber( Q(s,a) - (r + g^n Q'(s', argmax Q(s'))) )
//
// Mnih et al. 2015, doi:10.1038/nature14236; n-step returns and the choice by the learner's own network as in Rainbow
// (van Hasselt et al. 2016, arXiv:1509.06461; Hessel et al. 2018, arXiv:1710.02298). With atoms above 1 it learns
// distributions of returns by cross-entropy (C51, Bellemare et al. 2017, arXiv:1707.06887, algorithm 1). The target
// network follows as a moving average, as in CURL and SPR, in place of copies now and then.
type DQN struct {
	Agent
	Double bool       `toml:"double"` // the learner's network chooses the action whose value the target's gives
	Atoms  int        `toml:"atoms"`  // returns between the ends of range that have a probability; 0: means alone
	Range  [2]float64 `toml:"range"`  // the least and the largest return, with atoms
	// probability of any action at the beginning and, after random_for, from then on
	Random    [2]float64     `toml:"random"`
	RandomFor setting.Length `toml:"random_for"` // how long the probability falls
}

// DefaultDQN is double DQN with three steps.
func DefaultDQN() *DQN {
	return &DQN{Agent: defaultAgent(), Double: true, Range: [2]float64{-2, 2}, Random: [2]float64{1, 0.05},
		RandomFor: setting.Percent(40)}
}

// Validate implements methods.Method.
func (m *DQN) Validate() error {
	err := errors.Join(m.validate(), setting.Within("random", m.Random[0], 0, 1),
		setting.Within("random", m.Random[1], 0, 1))
	switch {
	case m.Atoms < 0 || m.Atoms == 1:
		err = errors.Join(err, setting.Bad("atoms", "%d: want at least 2, such as 51, or 0 for means alone", m.Atoms))
	case m.Atoms > 0 && !(m.Range[0] < m.Range[1]):
		err = errors.Join(err, setting.Bad("range", "%v: want the least return and a larger one", m.Range))
	}
	return err
}

// Build implements methods.Method.
func (m *DQN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.observe(s, enc, b)
	own, target := m.values(s, enc.Dim, t.actions), m.values(t.target, enc.Dim, t.actions)
	now, later := own(t.h), op.StopGradient(target(t.then)) // [B,A] or [B,A*atoms]
	judge := later
	if m.Double {
		judge = op.StopGradient(own(t.thenNow))
	}
	best := losses.OneHot(s, op.Argmax(m.means(s, judge, t.actions)), t.actions) // [B,A]
	chosen := losses.OneHot(s, t.action, t.actions)
	var loss *graph.Node
	if m.Atoms == 0 {
		goal := op.Add(t.reward, op.Mul(t.discount, taken(later, best)))
		loss = tdLoss(taken(now, chosen), goal, 1)
	} else {
		loss, _ = m.distributions(s, atomsOf(now, chosen), atomsOf(later, best), t.reward, t.discount)
	}
	value := op.MeanAll(taken(m.means(s, now, t.actions), chosen))
	return m.objective(s, b, t, []methods.Term{{Name: "td", Weight: 1, Value: loss}},
		[]methods.Metric{{Name: "value", Value: value}}, m.choose)
}

// values are the layers behind the features: [B,A], or [B,A*atoms] logits.
func (m *DQN) values(s *graph.Scope, in, actions int) layer.Func {
	return m.head(s.In("value"), in, actions*max(m.Atoms, 1))
}

// Values implements methods.Acts.
func (m *DQN) Values(s *graph.Scope, enc methods.Encoder, x *graph.Node, actions int) *graph.Node {
	return m.means(s, m.values(s, enc.Dim, actions)(enc.New(s)(x)), actions)
}

// choose is the best action, or any.
func (m *DQN) choose(at graph.Time, r *rand.Rand, v []float32) int {
	p := m.Random[1]
	if span := m.RandomFor.Steps(at.PerEpoch, at.Steps); at.Step < span {
		p += (m.Random[0] - p) * (1 - float64(at.Step)/float64(span))
	}
	if r.Float64() < p {
		return r.IntN(len(v))
	}
	return largest(v)
}

// largest is the place of the largest number, of equals the first.
func largest(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// tdLoss is the mean Huber loss of values [B] against goals [B], quadratic up to delta. No gradient reaches the goals.
func tdLoss(values, goals *graph.Node, delta float64) *graph.Node {
	return op.Scale(op.MeanAll(losses.SmoothL1(values, op.StopGradient(goals), delta)), delta)
}
