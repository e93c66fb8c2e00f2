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

// DBC, deep bisimulation for control, puts observations as far apart as their rewards and what comes after them are:
// what makes no difference to rewards is forgotten, distractors too.
//
//	bisimulation = mean ( |h - h2| - |r - r2| - g W2(next, next2) )^2
//	model        = mean 1/2 ((h' - mu)/sigma)^2 + ln sigma,  reward = mean ( r - r(h' drawn) )^2
//
// Zhang et al., ICLR 2021, arXiv:2006.10742, eq. 4 and alg. 1. The authors' code, followed here, has all distances
// number by number, smooth ones near 0, where the paper writes | |_1 of both vectors; next observations are normal in
// features, so that W2 is the root of the squared differences of means and deviations.
type DBC struct {
	Discount float64 `toml:"discount"` // g
	Hidden   int     `toml:"hidden"`   // of the model and of the rewards
	Model    float64 `toml:"model"`    // weight of the model and the rewards
	Least    float64 `toml:"least"`    // deviation of the model
	Most     float64 `toml:"most"`     // the largest deviation
}

// DefaultDBC has the authors' settings.
func DefaultDBC() *DBC { return &DBC{Discount: 0.99, Hidden: 256, Model: 1, Least: 1e-4, Most: 10} }

// Validate implements methods.Method.
func (m *DBC) Validate() error {
	err := errors.Join(setting.Within("discount", m.Discount, 0, 1), setting.Least("hidden", m.Hidden, 1),
		setting.Weight("model", m.Model), setting.Positive("least", m.Least))
	if m.Most <= m.Least {
		err = errors.Join(err, setting.Bad("most", "%v: want more than least = %v", m.Most, m.Least))
	}
	return err
}

// Build implements methods.Method.
func (m *DBC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, f, n := enc.New(s), enc.Dim, b.Size()
	h, next := encode(b.View(0)), encode(b.Field(steps.After(1)))
	both := heads.Plain(s.In("model"), f+actionsOf(b), m.Hidden, 2*f)(op.Concat(1, h, action(s, b, 0, 1)))
	mu := op.Slice(both, 1, 0, f)
	sigma := op.Affine(op.Sigmoid(op.Slice(both, 1, f, 2*f)), m.Most-m.Least, m.Least)
	reward := b.Field(steps.Rewards(1)) // [B,1]
	drawn := op.Add(mu, op.Mul(sigma, s.Random("next").Normal(n, f)))
	guess := heads.Plain(s.In("reward"), f, m.Hidden, 1)(drawn)
	order := permutations(s, n, 1)[0]
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "bisimulation", Weight: 1, Value: m.bisimulation(h, reward, mu, sigma, order)},
			{Name: "model", Weight: m.Model, Value: modelLoss(mu, sigma, next)},
			{Name: "reward", Weight: m.Model, Value: losses.MSE(guess, reward)}},
		Metrics: []methods.Metric{spread(h)},
	}
}

// bisimulation is the loss of features [B,F] with rewards [B,1] and the model's means and deviations of what comes
// next, against those of the batch in an order.
func (m *DBC) bisimulation(h, reward, mu, sigma, order *graph.Node) *graph.Node {
	mu, sigma = op.StopGradient(mu), op.StopGradient(sigma)
	apart := losses.SmoothL1(h, reordered(h, order), 1)
	paid := losses.SmoothL1(reward, reordered(reward, order), 1)
	difference := func(x *graph.Node) *graph.Node { return op.Square(op.Sub(x, reordered(x, order))) }
	w2 := op.Sqrt(op.Add(difference(mu), difference(sigma)))
	return op.MeanAll(op.Square(op.Sub(apart, op.Add(paid, op.Scale(w2, m.Discount)))))
}

// modelLoss is the negative log-likelihood of the next features, without its constant. No gradient reaches them.
func modelLoss(mu, sigma, next *graph.Node) *graph.Node {
	wrong := op.Div(op.Sub(mu, op.StopGradient(next)), sigma)
	return op.MeanAll(op.Add(op.Scale(op.Square(wrong), 0.5), op.Log(sigma)))
}
