package optim

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/setting"
)

// AdamW is Adam with decoupled weight decay, as PyTorch's: p*(1 - lr*wd) - lr*mhat/(sqrt(vhat)+eps). With a decay of 0
// it is Adam.
//
// Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101, Alg. 2 (PyTorch's form, in which the decay is multiplied by the
// learning rate).
type AdamW struct {
	Rate
	Beta1 float64 `toml:"beta1"` // of the mean gradient
	Beta2 float64 `toml:"beta2"` // of the mean squared gradient
	Eps   float64 `toml:"eps"`
}

// DefaultAdamW has the usual constants.
func DefaultAdamW() *AdamW {
	return &AdamW{Rate: DefaultRate(1e-3, 0.05), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
}

// Validate checks the settings.
func (o *AdamW) Validate() error {
	bad := []error{o.Check()}
	if !(o.Beta1 >= 0 && o.Beta1 < 1) {
		bad = append(bad, setting.Bad("beta1", "%v: want a number from 0 up to, not with, 1", o.Beta1))
	}
	if !(o.Beta2 >= 0 && o.Beta2 < 1) {
		bad = append(bad, setting.Bad("beta2", "%v: want a number from 0 up to, not with, 1", o.Beta2))
	}
	if !(o.Eps > 0) {
		bad = append(bad, setting.Bad("eps", "%v: want a number above 0", o.Eps))
	}
	return errors.Join(bad...)
}

// Step implements Rule.
func (o *AdamW) Step(s *graph.Scope, in Slot) *graph.Node {
	m := s.Moment("mean", graph.Fill(0), op.ShapeOf(in.Param)...)
	v := s.Moment("square", graph.Fill(0), op.ShapeOf(in.Param)...)
	m1, v1 := op.FirstMoment(m, in.Gradient, o.Beta1), op.SecondMoment(v, in.Gradient, o.Beta2)
	s.Update(m, m1)
	s.Update(v, v1)
	return op.AdamStep(in.Param, m1, v1, in.Rate, in.Decay, in.Count, op.Adam{Beta1: o.Beta1, Beta2: o.Beta2,
		Eps: o.Eps})
}
