package control

import (
	"errors"
	"fmt"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// SPR, self-predictive representations, predicts by the actions what a slowly following encoder will say of the coming
// observations.
//
//	loss = mean over steps k of 2 - 2 cos( q(g(z_k)), g'(z'_k) ),  z_k+1 = T(z_k, a_k),  z_0 of now
//
// Schwarzer et al., ICLR 2021, arXiv:2007.05929, eq. 1 to 5. Here T is on features (see dynamics), the projection g
// and the predictor q are linear; in the paper g is the first layer of the values' network. Steps behind an episode's
// end count as 0, as in the authors' code, which also has the observation itself as step 0: Now weighs it.
type SPR struct {
	Jumps      int     `toml:"jumps"`      // K, steps that are predicted
	Projection int     `toml:"projection"` // width of g and q
	Hidden     int     `toml:"hidden"`     // of T
	Now        float64 `toml:"now"`        // weight of step 0
	Momentum   float64 `toml:"momentum"`   // of the encoder of targets; the paper has 0 where views are augmented
}

// DefaultSPR has the paper's settings.
func DefaultSPR() *SPR { return &SPR{Jumps: 5, Projection: 256, Hidden: 256, Now: 1, Momentum: 0.99} }

// Validate implements methods.Method.
func (m *SPR) Validate() error {
	return errors.Join(setting.Least("jumps", m.Jumps, 1), setting.Least("projection", m.Projection, 1),
		setting.Least("hidden", m.Hidden, 1), setting.Weight("now", m.Now),
		setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *SPR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	f := m.foresee(s, enc, b)
	now, model := f.terms()
	return methods.Objective{
		Features: f.h,
		Terms:    []methods.Term{{Name: "now", Weight: m.Now, Value: now}, {Name: "model", Weight: 1, Value: model}},
		Metrics:  []methods.Metric{spread(f.h)},
	}
}

// foreseen is predictions and what they are of.
type foreseen struct {
	h               *graph.Node   // features [B,F]
	latent          []*graph.Node // z_0 to z_K, [B,F]
	guesses, target *graph.Node   // [B,K+1,P]
	there           *graph.Node   // [B,K+1] 1 where there is such an observation
}

// foresee unrolls the model over the coming steps.
func (m *SPR) foresee(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *foreseen {
	n, k := b.Size(), m.Jumps
	teacher := s.Twin("teacher", s.Constant(m.Momentum))
	project := func(s *graph.Scope) layer.Func {
		return layer.Linear(s.In("projection"), enc.Dim, m.Projection, true)
	}
	predict := layer.Linear(s.In("predictor"), m.Projection, m.Projection, true)
	x, shape := b.View(0), op.ShapeOf(b.View(0))
	h := enc.New(s)(x)
	f := &foreseen{h: h, latent: []*graph.Node{h}}
	next := dynamics(s.In("model"), enc.Dim, actionsOf(b), m.Hidden)
	for j := range k {
		f.latent = append(f.latent, next(f.latent[j], action(s, b, j, k)))
	}
	guesses := predict(project(s)(op.Concat(0, f.latent...))) // [(K+1)*B,P]
	f.guesses = op.Transpose(op.Reshape(guesses, k+1, n, m.Projection), 1, 0, 2)
	second := enc.New(teacher)
	later := op.Reshape(b.Field(steps.Ahead(k)), append([]int{n * k}, shape[1:]...)...)
	z := op.Concat(1, op.Reshape(second(b.View(1)), n, 1, enc.Dim), op.Reshape(second(later), n, k, enc.Dim))
	target := project(teacher)(op.Reshape(z, n*(k+1), enc.Dim))
	f.target = op.StopGradient(op.Reshape(target, n, k+1, m.Projection))
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	f.there = op.Concat(1, s.Floats(fmt.Sprintf("const/ones%d", n), ones, n, 1), b.Field(steps.Alive(k)))
	return f
}

// terms are the mean distance of step 0, and that of the others.
func (f *foreseen) terms() (now, model *graph.Node) {
	return weighedSPR(sprDistances(f.guesses, f.target, f.there), nil)
}

// sprDistances are the squared distances of unit rows, 0 where there is no target: p, z [B,N,P], there [B,N].
func sprDistances(p, z, there *graph.Node) *graph.Node {
	const eps = 1e-3 // the least length, as in the authors' code
	apart := op.Square(op.Sub(op.Normalize(p, eps), op.Normalize(op.StopGradient(z), eps)))
	return op.Mul(op.SumAxes(apart, false, 2), there)
}

// weighedSPR is the mean over the batch of the first distances, and of the mean of the others, of distances [B,K+1] by
// weights [B]; nil: 1.
func weighedSPR(distances, weights *graph.Node) (now, model *graph.Node) {
	n := op.ShapeOf(distances)[1]
	first, others := at(distances, 0), op.Mean(op.Slice(distances, 1, 1, n), false, 1)
	if weights != nil {
		first, others = op.Mul(first, weights), op.Mul(others, weights)
	}
	return op.MeanAll(first), op.MeanAll(others)
}

// inverse is the mean cross-entropy of the action [B] int32 by the features before and after it, and the share that is
// right; tell is the classifier of both.
func inverse(tell layer.Func, h, next, action *graph.Node) (loss, right *graph.Node) {
	logits := tell(op.Concat(1, h, next))
	return op.MeanAll(op.CrossEntropy(logits, action, 0)), op.Accuracy(logits, action)
}
