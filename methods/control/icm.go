package control

import (
	"errors"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// ICM, an intrinsic curiosity module, predicts the features of the next observation from the action, in features that
// tell the action: what nobody does to the world is no surprise in them. The error of the prediction is the novelty.
//
//	forward = | h' - f(h, a) |,  inverse = CE(a | h, h')
//
// Pathak et al., ICML 2017, arXiv:1705.05363, eq. 2 to 6, whose forward loss is half the square and whose novelty is
// the loss: form = "squares". The widely used code of url_benchmark has lengths in place of squares, an inverse error
// | a - tanh g(h,h') | of actions as indicators, and the novelty ln(1 + forward): form = "norms".
type ICM struct {
	Hidden  int     `toml:"hidden"`  // width of both models
	Form    string  `toml:"form"`    // squares | norms
	Forward float64 `toml:"forward"` // weight of the forward loss
	Inverse float64 `toml:"inverse"` // weight of the inverse loss
}

// Forms of ICM.
const (
	squares = "squares"
	lengths = "norms"
)

// DefaultICM has the paper's weights, beta = 0.2.
func DefaultICM() *ICM { return &ICM{Hidden: 256, Form: squares, Forward: 0.2, Inverse: 0.8} }

// Validate implements methods.Method.
func (m *ICM) Validate() error {
	err := errors.Join(setting.Least("hidden", m.Hidden, 1), setting.Weight("forward", m.Forward),
		setting.Weight("inverse", m.Inverse))
	if m.Form != squares && m.Form != lengths {
		err = errors.Join(err, setting.Bad("form", "%q: want %q or %q", m.Form, squares, lengths))
	}
	return err
}

// Build implements methods.Method.
func (m *ICM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o, _ := m.Explore(s, enc, b)
	return o
}

// Explore implements Curious.
func (m *ICM) Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node) {
	encode := enc.New(s)
	h, next := encode(b.View(0)), encode(b.Field(steps.After(1)))
	a, actions := action(s, b, 0, 1), actionsOf(b)
	forward := heads.Plain(s.In("forward"), enc.Dim+actions, m.Hidden, enc.Dim)
	told := heads.Plain(s.In("inverse"), 2*enc.Dim, m.Hidden, actions)
	var ahead, back, novelty *graph.Node
	if m.Form == lengths {
		ahead, back = icmErrors(forward, layer.Chain(told, op.Tanh), h, next, a)
		ahead, back, novelty = op.MeanAll(ahead), op.MeanAll(back), log1p(ahead)
	} else {
		wrong := op.Scale(op.SumAxes(op.Square(op.Sub(next, forward(op.Concat(1, h, a)))), false, 1), 0.5)
		ahead, novelty = op.MeanAll(wrong), wrong
		back, _ = inverse(told, h, next, op.Reshape(b.Field(steps.Actions(1)), b.Size()))
	}
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "forward", Weight: m.Forward, Value: ahead},
			{Name: "inverse", Weight: m.Inverse, Value: back}},
		Metrics: []methods.Metric{spread(h)},
	}, novelty
}

// icmErrors are the lengths of the errors of both models, [B]: of features h, next [B,F] and actions a [B,A].
func icmErrors(forward, told layer.Func, h, next, a *graph.Node) (ahead, back *graph.Node) {
	return norms(op.Sub(next, forward(op.Concat(1, h, a)))), norms(op.Sub(a, told(op.Concat(1, h, next))))
}
