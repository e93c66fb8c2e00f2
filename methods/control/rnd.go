package control

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// RND, random network distillation, predicts what a network with random weights says of an observation. Where it was
// often it predicts well: the error is the novelty, and noise that nobody can predict is none.
//
//	loss = mean (f(x) - g(x))^2,  novelty = error / running deviation of the error
//
// Burda et al., ICLR 2019, arXiv:1810.12894, section 2.2. As in the paper observations are normalised, here by the
// batch (as in the code of url_benchmark), and cut off. Both networks are encoders like the recipe's with layers
// behind them. Alone it trains the recipe's encoder as f; as what makes a learner curious it has its own.
type RND struct {
	Hidden    int     `toml:"hidden"`    // width of two layers behind the encoders
	Embedding int     `toml:"embedding"` // numbers that are predicted
	Clip      float64 `toml:"clip"`      // of normalised pixels
}

// DefaultRND has the authors' cut and embedding.
func DefaultRND() *RND { return &RND{Hidden: 256, Embedding: 512, Clip: 5} }

// Validate implements methods.Method.
func (m *RND) Validate() error {
	return errors.Join(setting.Least("hidden", m.Hidden, 1), setting.Least("embedding", m.Embedding, 1),
		setting.Positive("clip", m.Clip))
}

// Build implements methods.Method.
func (m *RND) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, wrong := m.distil(s, s, enc, b)
	return m.objective(h, wrong)
}

// Explore implements Curious.
func (m *RND) Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node) {
	h, wrong := m.distil(s, s.In("rnd"), enc, b)
	return m.objective(h, wrong), unitDeviation(s.In("rnd"), wrong)
}

func (m *RND) objective(h, wrong *graph.Node) methods.Objective {
	return methods.Objective{Features: h,
		Terms: []methods.Term{{Name: "distillation", Weight: 1, Value: op.MeanAll(wrong)}}}
}

// distil is the features [B,F] of the predictor, declared in a scope, and its errors [B].
func (m *RND) distil(s, own *graph.Scope, enc methods.Encoder, b *methods.Batch) (h, wrong *graph.Node) {
	x := normalised(s, b.View(0), m.Clip)
	head := func(s *graph.Scope) layer.Func {
		return heads.Plain(s.In("distil"), enc.Dim, m.Hidden, m.Hidden, m.Embedding)
	}
	h = enc.New(own)(x)
	random := s.In("random").Locked()
	target := head(random)(enc.New(random)(x))
	return h, rowMeans(op.Square(op.Sub(head(own)(h), op.StopGradient(target))))
}

// normalised are observations x [B,...] with mean 0 and variance 1 over the batch in every channel, cut off.
func normalised(s *graph.Scope, x *graph.Node, clip float64) *graph.Node {
	y := op.BatchNorm(x, s.BatchStatistics(op.BatchStats(x)), op.BN{Eps: 1e-5})
	return op.StopGradient(layer.AtMost(layer.AtLeast(y, -clip), clip))
}

// unitDeviation is errors [B] over the root of their running variance, of which a step updates a hundredth.
func unitDeviation(s *graph.Scope, wrong *graph.Node) *graph.Node {
	wrong = op.StopGradient(wrong)
	variance := s.State("variance", graph.Fill(1))
	all := s.AllRows(wrong)
	spread := op.MeanAll(op.Square(op.Sub(all, op.MeanAll(all))))
	s.Update(variance, op.Lerp(variance, spread, s.Constant(0.99)))
	return overDeviation(wrong, variance)
}

// overDeviation is errors over the root of a variance.
func overDeviation(wrong, variance *graph.Node) *graph.Node {
	return op.Mul(wrong, op.Rsqrt(op.Shift(variance, 1e-12)))
}
