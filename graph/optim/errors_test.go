package optim_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// Settings that no training could use name the key, the value and what would be right.
func TestSettings(t *testing.T) {
	sgd := func(set func(o *optim.SGD)) error { o := optim.DefaultSGD(); set(o); return o.Validate() }
	lars := func(set func(o *optim.LARS)) error { o := optim.DefaultLARS(); set(o); return o.Validate() }
	adam := func(set func(o *optim.AdamW)) error { o := optim.DefaultAdamW(); set(o); return o.Validate() }
	for _, c := range []struct {
		err  error
		want string
	}{
		{sgd(func(o *optim.SGD) { o.Rate.Rate = 0 }), "rate: 0: want a number above 0"},
		{lars(func(o *optim.LARS) { o.Scale = "log" }), `scale: "log": want "linear", "sqrt" or "none"`},
		{adam(func(o *optim.AdamW) { o.Final = 1.5 }), "final: 1.5: want a fraction of the peak from 0 to 1"},
		{sgd(func(o *optim.SGD) { o.Schedule = "line" }),
			`schedule: "line": want "cosine", "linear", "constant" or "steps"`},
		{sgd(func(o *optim.SGD) { o.Schedule, o.Final = "constant", 0.1 }),
			`final: 0.1: a rate along "constant" has no end to fall to; want "cosine" or "linear"`},
		{sgd(func(o *optim.SGD) { o.Schedule, o.Hold = "constant", setting.Percent(5) }),
			`hold: "5%": a rate along "constant" does not fall; want "cosine" or "linear"`},
		{sgd(func(o *optim.SGD) { o.Schedule = "steps" }), `drops: want when the rate drops, such as ["60%", "80%"]`},
		{sgd(func(o *optim.SGD) { o.Drops = []setting.Length{setting.Epochs(3)} }),
			`drops: ["3 epochs"]: want schedule = "steps", not "cosine"`},
		{sgd(func(o *optim.SGD) { o.Drop = 0.5 }), `drop: 0.5: want schedule = "steps", not "cosine"`},
		{sgd(func(o *optim.SGD) { o.Drop = 1 }), "drop: 1: want a factor above 0 and below 1"},
		{sgd(func(o *optim.SGD) { o.WeightDecay = -1 }), "weight_decay: -1: want a number of 0 or more"},
		{sgd(func(o *optim.SGD) { o.FinalDecay = -1 }),
			"final_decay: -1: want a multiple of weight_decay of 0 or more"},
		{adam(func(o *optim.AdamW) { o.LayerDecay = 0 }), "layer_decay: 0: want a factor above 0 and at most 1"},
		{sgd(func(o *optim.SGD) { o.Momentum = 1 }), "momentum: 1: want a number from 0 up to, not with, 1"},
		{sgd(func(o *optim.SGD) { o.Momentum, o.Nesterov = 0, true }), "nesterov: true needs a momentum above 0"},
		{lars(func(o *optim.LARS) { o.Momentum = -0.1 }), "momentum: -0.1: want a number from 0 up to, not with, 1"},
		{lars(func(o *optim.LARS) { o.Eta = 0 }), "eta: 0: want a number above 0"},
		{lars(func(o *optim.LARS) { o.Eps = -1 }), "eps: -1: want a number of 0 or more"},
		{lars(func(o *optim.LARS) { o.Variant = "new" }), `variant: "new": want "official" or "solo"`},
		{adam(func(o *optim.AdamW) { o.Beta1 = 1 }), "beta1: 1: want a number from 0 up to, not with, 1"},
		{adam(func(o *optim.AdamW) { o.Beta2 = -1 }), "beta2: -1: want a number from 0 up to, not with, 1"},
		{adam(func(o *optim.AdamW) { o.Eps = 0 }), "eps: 0: want a number above 0"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got %v, want %q", c.err, c.want)
		}
	}
	for _, err := range []error{optim.DefaultSGD().Validate(), optim.DefaultLARS().Validate(),
		optim.DefaultAdamW().Validate()} {
		if err != nil {
			t.Errorf("a default: %v", err)
		}
	}
}

// faulty is a rule of somebody else that returns what is no value of the parameter.
type faulty struct{ value *graph.Node }

func (f faulty) Step(*graph.Scope, optim.Slot) *graph.Node { return f.value }

// What Apply cannot do stops the build and names the parameter.
func TestApplyErrors(t *testing.T) {
	apply := func(s *graph.Scope, r optim.Rule, parts int, also ...*graph.Node) {
		loss := op.SumAll(op.Square(s.Param("w", graph.Fill(1), 3)))
		h := optim.Hyper{Rate: s.Constant(1), Decay: s.Constant(0), Step: s.Constant(1)}
		optim.Apply(s, r, loss, append(also, s.Params()...), h, optim.Training{Clip: 1, Parts: parts})
	}
	for _, c := range []struct {
		name, want string
		build      func(s *graph.Scope)
	}{
		{"a parameter that the loss does not reach", "graph: a/v: the loss does not depend on this parameter (",
			func(s *graph.Scope) {
				s.In("a").Param("v", graph.Fill(1), 2)
				apply(s, &optim.SGD{}, 2)
			}},
		{"nothing to train", "graph: there is no parameter to train (", func(s *graph.Scope) {
			optim.Apply(s, &optim.SGD{}, s.Constant(1), nil, optim.Hyper{}, optim.Training{Clip: 1})
		}},
		{"a rule without result", "graph: w is [3], its update is nil (", func(s *graph.Scope) {
			apply(s, faulty{}, 1)
		}},
		{"a rule's result of another shape", "graph: w is [3], its update is [] (", func(s *graph.Scope) {
			apply(s, faulty{s.Constant(1)}, 1)
		}},
		{"a parameter twice", "graph: optimizer/w/sum is updated twice in one step (", func(s *graph.Scope) {
			apply(s, &optim.SGD{}, 2, s.Param("w", graph.Fill(1), 3))
		}},
	} {
		_, err := graph.Build(graph.Options{}, c.build)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), "errors_test.go:") {
			t.Errorf("%s: got %v, want an error that begins with %q, and the line", c.name, err, c.want)
		}
	}
}
