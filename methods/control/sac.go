package control

import (
	"errors"
	"math"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SAC learns a policy over a few actions that is as random as its returns allow, and two judges of its actions, of
// whom the more careful one counts:
//
//	judges  mean (Q_i(s,a) - r - g^n sum_a' p'(a') (min Q'(s',a') - t log p'(a')))^2
//	policy  mean sum_a p(a) (t log p(a) - min Q(s,a))
//	t       mean log t * (H(p) - entropy * log A)
//
// Haarnoja et al. 2018, arXiv:1801.01290 and 1812.05905; for discrete actions Christodoulou 2019, arXiv:1910.07207. As
// in SAC+AE and CURL the encoder learns from the judges alone. One optimiser trains all parts, which share no
// parameter that two of the losses reach.
type SAC struct {
	Agent
	Entropy float64 `toml:"entropy"` // of the policy that the temperature t is steered to, as a share of the largest
}

// DefaultSAC wants a fifth of the largest entropy; the paper of discrete actions has 0.98, which hardly decides.
func DefaultSAC() *SAC { return &SAC{Agent: defaultAgent(), Entropy: 0.2} }

// Validate implements methods.Method.
func (m *SAC) Validate() error {
	return errors.Join(m.validate(), setting.Within("entropy", m.Entropy, 0, 1))
}

// judges are the two networks of values.
func (m *SAC) judges(s *graph.Scope, in, actions int) (one, two layer.Func) {
	return m.head(s.In("judge").In("0"), in, actions), m.head(s.In("judge").In("1"), in, actions)
}

// lesser is the smaller of two judges' values.
func lesser(s *graph.Scope, one, two layer.Func, h *graph.Node) *graph.Node {
	return losses.Smaller(one(h), two(h))
}

// Build implements methods.Method.
func (m *SAC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.observe(s, enc, b)
	one, two := m.judges(s, enc.Dim, t.actions)
	policy := m.head(s.In("policy"), enc.Dim, t.actions)
	logT := s.Param("log_temperature", graph.Fill(math.Log(0.1)))
	temperature := op.StopGradient(op.Exp(logT))

	oneT, twoT := m.judges(t.target, enc.Dim, t.actions)
	p, logP := op.Softmax(policy(t.thenNow)), op.LogSoftmax(policy(t.thenNow))
	worth := op.SumAxes(op.Mul(p, op.Sub(lesser(s, oneT, twoT, t.then), op.Mul(temperature, logP))), false, 1) // [B]
	goal := op.StopGradient(op.Add(t.reward, op.Mul(t.discount, worth)))
	chosen := losses.OneHot(s, t.action, t.actions)
	judged := op.Add(losses.MSE(taken(one(t.h), chosen), goal), losses.MSE(taken(two(t.h), chosen), goal))

	h := op.StopGradient(t.h)
	p, logP = op.Softmax(policy(h)), op.LogSoftmax(policy(h))
	values := op.StopGradient(lesser(s, one, two, h))
	acted := op.MeanAll(op.SumAxes(op.Mul(p, op.Sub(op.Mul(temperature, logP), values)), false, 1))
	entropy := op.StopGradient(op.Neg(op.MeanAll(op.SumAxes(op.Mul(p, logP), false, 1))))
	steered := op.Mul(logT, op.Shift(entropy, -m.Entropy*math.Log(float64(t.actions))))
	return m.objective(s, b, t, []methods.Term{{Name: "judges", Weight: 1, Value: judged},
		{Name: "policy", Weight: 1, Value: acted}, {Name: "steering", Weight: 1, Value: steered}},
		[]methods.Metric{{Name: "entropy", Value: entropy}, {Name: "temperature", Value: temperature}}, draw)
}

// Values implements methods.Acts: the policy's logits.
func (m *SAC) Values(s *graph.Scope, enc methods.Encoder, x *graph.Node, actions int) *graph.Node {
	return m.head(s.In("policy"), enc.Dim, actions)(enc.New(s)(x))
}

// draw is an action of the policy whose logits are given.
func draw(_ graph.Time, r *rand.Rand, logits []float32) int {
	var sum float64
	most := math.Inf(-1)
	for _, v := range logits {
		most = max(most, float64(v))
	}
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	left := r.Float64() * sum
	for a, v := range logits {
		if left -= math.Exp(float64(v) - most); left < 0 {
			return a
		}
	}
	return len(logits) - 1
}
