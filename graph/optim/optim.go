// Package optim holds the optimisers as graph updates: for every parameter the new value and the new moments are nodes, committed with
// the rest of the step.
package optim

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/recipes/overlay"
)

// Rule is an optimiser with its settings.
type Rule interface {
	// Check says what is wrong with the settings.
	Check() error
	// step returns the new value of a parameter, declaring its moments in s.
	step(s *graph.Scope, in slot) *graph.Node
}

// slot is what a rule knows of one parameter.
type slot struct {
	p, g *graph.Node
	h    Hyper
	wd   *graph.Node // 0-d: the decay, or 0 where excluded
	one  *graph.Node // 0-d 1
	bare bool        // excluded from decay and adaptation
}

// Hyper are the settings that change with the step, 0-d nodes.
type Hyper struct {
	Rate  *graph.Node // learning rate
	Decay *graph.Node // weight decay
	Step  *graph.Node // counts from 1; only Adam's bias correction reads it
}

// Excluded reports whether a parameter is left out of weight decay and of LARS's adaptation: biases and the scales and shifts of
// normalisation, everything with one axis.
func Excluded(p *graph.Node) bool { return len(op.ShapeOf(p)) < 2 }

// CountSteps is the schedule of Hyper.Step.
func CountSteps(t graph.Time) float64 { return float64(t.Step + 1) }

// Apply declares the updates of params for a loss, and returns the gradients. A parameter that the loss does not reach is an error that
// names it. With exclude nil the rule treats every parameter alike.
func Apply(s *graph.Scope, r Rule, loss *graph.Node, params []*graph.Node, h Hyper, exclude func(*graph.Node) bool) []*graph.Node {
	gs := s.Gradients(loss, params)
	zero, one := s.Constant(0), s.Constant(1)
	moments := s.In("optimizer")
	for i, p := range params {
		if gs[i] == nil {
			op.Fail(s.Name(p), "the loss does not depend on this parameter")
		}
		in := slot{p: p, g: gs[i], h: h, wd: h.Decay, one: one, bare: exclude != nil && exclude(p)}
		if in.bare {
			in.wd = zero
		}
		s.Update(p, r.step(moments.In(s.Name(p)), in))
	}
	return gs
}

// SGD is stochastic gradient descent with momentum in PyTorch's form: g' = g + wd*p; m = momentum*m + g'; p -= lr*m, or
// p -= lr*(g' + momentum*m) with Nesterov's (Sutskever et al. 2013).
type SGD struct {
	Momentum float64 `toml:"momentum"` // 0 is plain descent
	Nesterov bool    `toml:"nesterov"`
}

func (o *SGD) step(s *graph.Scope, in slot) *graph.Node {
	return descend(s, in, in.one, o.Momentum, o.Nesterov)
}

// descend is a step of gradient descent whose decayed gradient is scaled by ratio before it enters the moment.
func descend(s *graph.Scope, in slot, ratio *graph.Node, momentum float64, nesterov bool) *graph.Node {
	m := s.Moment("momentum", graph.Fill(0), op.ShapeOf(in.p)...)
	next := op.NextMomentum(m, in.g, in.p, in.wd, ratio, momentum)
	s.Update(m, next)
	if nesterov {
		return op.NesterovStep(in.p, next, in.g, in.h.Rate, in.wd, ratio, momentum)
	}
	return op.Step(in.p, next, in.h.Rate)
}

// Check implements Rule.
func (o *SGD) Check() error {
	if err := checkMomentum(o.Momentum); err != nil {
		return err
	}
	if o.Nesterov && o.Momentum == 0 {
		return overlay.Bad("nesterov", "true needs a momentum above 0")
	}
	return nil
}

func checkMomentum(m float64) error {
	if !(m >= 0 && m < 1) {
		return overlay.Bad("momentum", "%v: want a number from 0 up to, not with, 1", m)
	}
	return nil
}
