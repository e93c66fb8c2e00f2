package distillation

import (
	"cmp"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// Predicting is what the Cookbook asks of the predictor of BYOL and SimSiam (arXiv:2304.12210, section 2.3): whether
// there is one, how often it learns, and which views it guesses.
type Predicting struct {
	// embeddings themselves are compared: with a copy of the student as its teacher BYOL then collapses
	NoPredictor bool `toml:"no_predictor"`
	// the backbone and the projector stay as they are but in one of so many steps, in which the predictor learns too
	PredictorSteps setting.Every `toml:"predictor_steps"`
	// factor of the predictor's learning rate: with ten times the rate a copy can teach (section 3.4.1)
	PredictorRate float64 `toml:"predictor_rate"`
	OneSided      bool    `toml:"one_sided"` // the first large view is guessed from the others, and not the reverse
}

// usualPredicting is as the papers have it.
func usualPredicting() Predicting { return Predicting{PredictorSteps: 1, PredictorRate: 1} }

// check says what is wrong with the settings, and with the predictor's hidden widths.
func (m Predicting) check(hidden []int) error {
	if m.PredictorSteps < 1 {
		return setting.Bad("predictor_steps", "%d: want at least 1", m.PredictorSteps)
	}
	if m.NoPredictor && m.PredictorSteps > 1 {
		return setting.Bad("predictor_steps", "%d: no_predictor = true leaves nothing that learns in these steps; "+
			"want 1", m.PredictorSteps)
	}
	if m.NoPredictor && m.PredictorRate != 1 {
		return setting.Bad("predictor_rate", "%v: no_predictor = true leaves nothing that has this rate; want 1",
			m.PredictorRate)
	}
	return cmp.Or(setting.Positive("predictor_rate", m.PredictorRate), heads.CheckHidden("predictor", hidden))
}

// predictor is an MLP [B,d] -> [B,d] of hidden widths, linear where there are none; or its input.
func (m Predicting) predictor(s *graph.Scope, d int, hidden []int) layer.Func {
	if m.NoPredictor {
		return func(z *graph.Node) *graph.Node { return z }
	}
	return heads.MLP(s.In("predictor"), d, append(slices.Clone(hidden), d)...)
}

// guessed is f of every large view that is guessed; nil stands for the others.
func (m Predicting) guessed(large int, f func(view int) *graph.Node) []*graph.Node {
	z := make([]*graph.Node, large)
	for v := range z {
		if !m.OneSided || v == 0 {
			z[v] = f(v)
		}
	}
	return z
}

// alarm tells of a collapse; otherwise is what helps where the predictor and the gradient are as they should be.
func (m Predicting) alarm(otherwise string) methods.Alarm {
	if m.NoPredictor {
		return methods.Collapsed("give the method its predictor, no_predictor = false (section 3.4.2)")
	}
	return methods.Collapsed(otherwise + " (section 3.4)")
}

// tune is how the predictor is trained unlike the rest, with the peak rate from beginning to end where it is flat; and
// keeps the rest as it is in the steps that are the predictor's own.
func (m Predicting) tune(flat bool) (list []methods.Tune) {
	if m.PredictorSteps > 1 {
		hold := func(t graph.Time) float64 {
			if m.PredictorSteps.Due(t.Step + 1) {
				return 0
			}
			return 1
		}
		for _, scope := range []string{methods.Backbone, "projector"} {
			list = append(list, methods.Tune{Scope: scope, Hold: hold})
		}
	}
	if rate := cmp.Or(m.PredictorRate, 1); !m.NoPredictor && (flat || rate != 1) {
		list = append(list, methods.Tune{Scope: "predictor", Flat: flat, Rate: graph.Constantly(rate)})
	}
	return list
}
