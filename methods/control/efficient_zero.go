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

// EfficientZero is the consistency of a latent model in time: what the actions make of the features is to be what is
// observed then, by SimSiam's loss, and it tells the rewards.
//
//	loss = sum over k of ( -cos( q(p(z_k)), sg p(h_k) ) + reward * (r_k - r(z_k))^2 ),  z_k+1 = T(z_k, a_k)
//
// Ye et al., NeurIPS 2021, arXiv:2111.00210, section 4.1 and eq. 1. This is that term alone, beside any learner:
// neither tree search nor the prediction of values over steps is here. The reward of each step stands for the paper's
// sum over them. Steps behind an episode's end do not count.
type EfficientZero struct {
	Jumps     int     `toml:"jumps"`     // steps that are unrolled
	Hidden    int     `toml:"hidden"`    // width of T
	Projector []int   `toml:"projector"` // widths of p; the last is D
	Predictor []int   `toml:"predictor"` // hidden widths of q
	Reward    float64 `toml:"reward"`    // weight of the rewards
}

// DefaultEfficientZero has the authors' widths and unrolls 5 steps.
func DefaultEfficientZero() *EfficientZero {
	return &EfficientZero{Jumps: 5, Hidden: 256, Projector: []int{1024, 1024}, Predictor: []int{512}, Reward: 1}
}

// Validate implements methods.Method.
func (m *EfficientZero) Validate() error {
	return errors.Join(setting.Least("jumps", m.Jumps, 1), setting.Least("hidden", m.Hidden, 1),
		heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Weight("reward", m.Reward))
}

// Build implements methods.Method.
func (m *EfficientZero) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := heads.Width(enc.Dim, m.Projector)
	encode, project := enc.New(s), heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	predict := heads.MLP(s.In("predictor"), d, append(append([]int{}, m.Predictor...), d)...)
	next := dynamics(s.In("model"), enc.Dim, actionsOf(b), m.Hidden)
	paid := heads.Plain(s.In("reward"), enc.Dim, m.Hidden, 1)
	h := encode(b.View(0))
	later, there := b.Field(steps.Ahead(m.Jumps)), s.AllRows(b.Field(steps.Alive(m.Jumps)))
	rewards := b.Field(steps.Rewards(m.Jumps))
	var like, pay []*graph.Node
	z := h
	for k := range m.Jumps {
		z = next(z, action(s, b, k, m.Jumps))
		target := op.Normalize(op.StopGradient(project(encode(at(later, k)))), losses.Eps)
		cos := op.SumAxes(op.Mul(op.Normalize(predict(project(z)), losses.Eps), target), false, 1)
		like = append(like, op.Neg(losses.MeanOver(cos, at(there, k))))
		wrong := op.Square(op.Sub(op.Reshape(paid(z), b.Size()), at(rewards, k)))
		pay = append(pay, losses.MeanOver(wrong, at(there, k)))
	}
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "consistency", Weight: 1, Value: op.Sum(like...)},
			{Name: "reward", Weight: m.Reward, Value: op.Sum(pay...)}},
		Metrics: []methods.Metric{spread(h)},
	}
}
