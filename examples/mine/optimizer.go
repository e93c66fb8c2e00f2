package main

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// Sign takes steps of nearly one size, in the direction of the moving average of the gradients: Lion's idea (Chen et
// al. 2023, arXiv:2302.06675) with a soft sign. Its learning rate falls as one over the root of the step (T5, Raffel et
// al. 2020, arXiv:1910.10683, section 3.1.2).
type Sign struct {
	Rate        float64        `toml:"rate"`         // peak, whatever the batch
	Warmup      setting.Length `toml:"warmup"`       // from 0 to the peak
	WeightDecay float64        `toml:"weight_decay"` // not of biases and norms
	Beta        float64        `toml:"beta"`         // of the moving average
	Steep       float64        `toml:"steep"`        // how soon an average counts as a full step
}

// NewSign has rates for small networks.
func NewSign() *Sign {
	return &Sign{Rate: 1e-3, Warmup: setting.Percent(5), Beta: 0.9, Steep: 1e3}
}

// Validate checks the settings.
func (o *Sign) Validate() error {
	switch {
	case !(o.Rate > 0):
		return setting.Bad("rate", "%v: want a number above 0", o.Rate)
	case !(o.WeightDecay >= 0):
		return setting.Bad("weight_decay", "%v: want a number of 0 or more", o.WeightDecay)
	case !(o.Beta >= 0 && o.Beta < 1):
		return setting.Bad("beta", "%v: want a number from 0 up to, not with, 1", o.Beta)
	case !(o.Steep > 0):
		return setting.Bad("steep", "%v: want a number above 0", o.Steep)
	}
	return nil
}

// Step implements optim.Rule.
func (o *Sign) Step(s *graph.Scope, in optim.Slot) *graph.Node {
	m := s.Moment("mean", graph.Fill(0), op.ShapeOf(in.Param)...)
	next := op.FirstMoment(m, in.Gradient, o.Beta)
	s.Update(m, next)
	return op.Step(in.Param, op.Add(Softsign(op.Scale(next, o.Steep)), op.Mul(in.Param, in.Decay)), in.Rate)
}

// Rates implements optim.Optimizer with a schedule of its own.
func (o *Sign) Rates() optim.Schedules { return root{o} }

// root is a rate that rises linearly and then falls as one over the root of the step.
type root struct{ o *Sign }

// At implements optim.Schedules.
func (r root) At(batch int) graph.Schedule {
	warmup := func(t graph.Time) int { return r.o.Warmup.Steps(t.PerEpoch, t.Steps) }
	return graph.Warmup(r.o.Rate, warmup, func(t graph.Time) float64 {
		return r.o.Rate * math.Sqrt(float64(max(warmup(t), 1))/float64(max(t.Step, 1)))
	})
}

// Peak implements optim.Schedules.
func (r root) Peak(int) float64 { return r.o.Rate }

// Decay implements optim.Schedules.
func (r root) Decay() graph.Schedule { return graph.Constantly(r.o.WeightDecay) }

// PerLayer implements optim.Schedules.
func (r root) PerLayer() float64 { return 1 }
