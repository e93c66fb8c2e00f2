package main

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// Sign takes steps of nearly one size, in the direction of the moving average of the gradients: Lion's idea (Chen et
// al. 2023, arXiv:2302.06675) with a soft sign. Its learning rate falls in a straight line.
type Sign struct {
	optim.Rate
	Beta  float64 `toml:"beta"`  // of the moving average
	Steep float64 `toml:"steep"` // how soon an average counts as a full step
}

// NewSign has rates for small networks.
func NewSign() *Sign {
	return &Sign{Rate: optim.Rate{Rate: 1e-3, Scale: "none", FinalDecay: 1, LayerDecay: 1}, Beta: 0.9, Steep: 1e3}
}

// Validate checks the settings.
func (o *Sign) Validate() error {
	if !(o.Beta >= 0 && o.Beta < 1) {
		return setting.Bad("beta", "%v: want a number from 0 up to, not with, 1", o.Beta)
	}
	return o.Check()
}

// Step implements optim.Rule.
func (o *Sign) Step(s *graph.Scope, in optim.Slot) *graph.Node {
	m := s.Moment("mean", graph.Fill(0), op.ShapeOf(in.Param)...)
	next := op.FirstMoment(m, in.Gradient, o.Beta)
	s.Update(m, next)
	return op.Step(in.Param, op.Add(Softsign(op.Scale(next, o.Steep)), op.Mul(in.Param, in.Decay)), in.Rate)
}

// Rates implements optim.Optimizer with a schedule of its own.
func (o *Sign) Rates() optim.Schedules { return line{o.Rate} }

// line is a Rate that falls in a straight line.
type line struct{ optim.Rate }

// At implements optim.Schedules.
func (l line) At(batch int) graph.Schedule {
	return func(t graph.Time) float64 { return l.Peak(batch) * (1 - float64(t.Step)/float64(max(t.Steps, 1))) }
}
