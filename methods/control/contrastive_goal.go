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

// ContrastiveGoal tells which later observation of an episode an action leads to, among those of other episodes: the
// score of a step and a goal is how likely the goal is reached, a critic without rewards.
//
//	nce: BCE( <f(s,a), g(goal)>, own ),  cpc: CE over goals + logsumexp * (log sum exp)^2
//
// Eysenbach et al., NeurIPS 2022, arXiv:2206.07568, section 4, with its code's two critics and its penalty of large
// scores. The goal is a later observation of the episode, a random number of steps ahead (geometric).
type ContrastiveGoal struct {
	Form      string  `toml:"form"`      // nce | cpc
	Hidden    int     `toml:"hidden"`    // of f and g
	Embedding int     `toml:"embedding"` // numbers of f and g
	LogSumExp float64 `toml:"logsumexp"` // weight of the squared normaliser, of cpc
}

// Forms of the loss.
const (
	nceForm = "nce"
	cpcForm = "cpc"
)

// DefaultContrastiveGoal has the authors' settings.
func DefaultContrastiveGoal() *ContrastiveGoal {
	return &ContrastiveGoal{Form: nceForm, Hidden: 256, Embedding: 64, LogSumExp: 0.01}
}

// Validate implements methods.Method.
func (m *ContrastiveGoal) Validate() error {
	err := errors.Join(setting.Least("hidden", m.Hidden, 1), setting.Least("embedding", m.Embedding, 1),
		setting.Weight("logsumexp", m.LogSumExp))
	if m.Form != nceForm && m.Form != cpcForm {
		err = errors.Join(err, setting.Bad("form", "%q: want %q or %q", m.Form, nceForm, cpcForm))
	}
	return err
}

// Build implements methods.Method.
func (m *ContrastiveGoal) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode := enc.New(s)
	h, goal := encode(b.View(0)), encode(b.Field(steps.Goal))
	pair := op.Concat(1, h, action(s, b, 0, 1))
	var from, to []*graph.Node
	for _, critic := range []string{"0", "1"} {
		f := heads.Plain(s.In("step").In(critic), enc.Dim+actionsOf(b), m.Hidden, m.Embedding)
		g := heads.Plain(s.In("goal").In(critic), enc.Dim, m.Hidden, m.Embedding)
		from, to = append(from, f(pair)), append(to, g(goal))
	}
	logits := scores(s, from, to)
	loss := m.nce(s, logits)
	if m.Form == cpcForm {
		loss = m.cpc(s, logits)
	}
	_, right := diagonal(s, logits[0])
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: m.Form, Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "recognised", Value: right}, spread(h)},
	}
}

// scores are the products of steps and goals of each critic, [B,B].
func scores(s *graph.Scope, from, to []*graph.Node) (all []*graph.Node) {
	for i := range from {
		all = append(all, op.MatMul(s.AllRows(from[i]), s.AllRows(to[i]), false, true))
	}
	return all
}

// nce is the mean binary cross-entropy of own pairs against all others.
func (m *ContrastiveGoal) nce(s *graph.Scope, logits []*graph.Node) *graph.Node {
	var each []*graph.Node
	for _, x := range logits {
		own := s.Identity(op.ShapeOf(x)[0])
		each = append(each, op.MeanAll(op.Sub(op.Softplus(x), op.Mul(own, x))))
	}
	return losses.Mean(each)
}

// cpc is the mean cross-entropy of each step's own goal, with the penalty.
func (m *ContrastiveGoal) cpc(s *graph.Scope, logits []*graph.Node) *graph.Node {
	var each []*graph.Node
	for _, x := range logits {
		loss, _ := diagonal(s, x)
		each = append(each, op.Add(loss, op.Scale(op.MeanAll(op.Square(op.LogSumExp(x))), m.LogSumExp)))
	}
	return losses.Mean(each)
}
