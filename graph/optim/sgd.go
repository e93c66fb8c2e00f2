package optim

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/setting"
)

// SGD is stochastic gradient descent with momentum in PyTorch's form: g' = g + wd*p; m = momentum*m + g'; p -= lr*m, or
// p -= lr*(g' + momentum*m) with Nesterov's (Sutskever et al. 2013).
type SGD struct {
	Rate
	Momentum float64 `toml:"momentum"` // 0 is plain descent
	Nesterov bool    `toml:"nesterov"`
}

// DefaultSGD has a momentum and solo-learn's rate for CIFAR.
func DefaultSGD() *SGD { return &SGD{Rate: DefaultRate(0.06, 5e-4), Momentum: 0.9} }

// Step implements Rule.
func (o *SGD) Step(s *graph.Scope, in Slot) *graph.Node {
	return descend(s, in, s.Constant(1), o.Momentum, o.Nesterov)
}

// descend is a step of gradient descent whose decayed gradient is scaled by ratio before it enters the moment.
func descend(s *graph.Scope, in Slot, ratio *graph.Node, momentum float64, nesterov bool) *graph.Node {
	m := s.Moment("momentum", graph.Fill(0), op.ShapeOf(in.Param)...)
	next := op.NextMomentum(m, in.Gradient, in.Param, in.Decay, ratio, momentum)
	s.Update(m, next)
	if nesterov {
		return op.NesterovStep(in.Param, next, in.Gradient, in.Rate, in.Decay, ratio, momentum)
	}
	return op.Step(in.Param, next, in.Rate)
}

// Validate checks the settings.
func (o *SGD) Validate() error {
	err := errors.Join(o.Check(), checkMomentum(o.Momentum))
	if o.Nesterov && o.Momentum == 0 {
		err = errors.Join(err, setting.Bad("nesterov", "true needs a momentum above 0"))
	}
	return err
}

func checkMomentum(m float64) error {
	if !(m >= 0 && m < 1) {
		return setting.Bad("momentum", "%v: want a number from 0 up to, not with, 1", m)
	}
	return nil
}
