package optim

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/setting"
)

// LARS scales every parameter's decayed gradient by a trust ratio before the momentum: You, Gitman, Ginsburg 2017,
// arXiv:1708.03888. Biases and norms get neither decay nor ratio.
//
// The implementations in use differ in the ratio. "official" is eta*|p|/|g + wd*p|, as in the authors' code of Barlow
// Twins and VICReg; "solo" is eta*|p|/(|g| + wd*|p| + eps), as in solo-learn and lightly.
type LARS struct {
	Rate
	Momentum float64 `toml:"momentum"`
	Nesterov bool    `toml:"nesterov"`
	Eta      float64 `toml:"eta"`     // trust coefficient: 0.001 on ImageNet, 0.02 with clip on CIFAR
	Eps      float64 `toml:"eps"`     // only "solo" has it
	Variant  string  `toml:"variant"` // official | solo
	Clip     bool    `toml:"clip"`    // the ratio over the learning rate at 1 (LARC, solo-learn on CIFAR)
}

// DefaultLARS is as in the code of Barlow Twins.
func DefaultLARS() *LARS {
	return &LARS{Rate: DefaultRate(0.3, 1e-6), Momentum: 0.9, Eta: 0.001, Eps: 1e-8, Variant: "official"}
}

// Validate checks the settings.
func (o *LARS) Validate() error {
	bad := []error{o.Check(), checkMomentum(o.Momentum)}
	if !(o.Eta > 0) {
		bad = append(bad, setting.Bad("eta", "%v: want a number above 0", o.Eta))
	}
	if !(o.Eps >= 0) {
		bad = append(bad, setting.Bad("eps", "%v: want a number of 0 or more", o.Eps))
	}
	if o.Variant != "official" && o.Variant != "solo" {
		bad = append(bad, setting.Bad("variant", "%q: want \"official\" or \"solo\"", o.Variant))
	}
	return errors.Join(bad...)
}

// Step implements Rule.
func (o *LARS) Step(s *graph.Scope, in Slot) *graph.Node {
	ratio := s.Constant(1)
	if !in.Plain {
		ratio = op.Trust(in.Param, in.Gradient, in.Decay, in.Rate, op.TrustRatio{Eta: o.Eta, Eps: o.Eps,
			Variant: o.Variant, Clip: o.Clip})
	}
	return descend(s, in, ratio, o.Momentum, o.Nesterov)
}
