package control

import (
	"errors"
	"math"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ForwardBackward learns how often each observation is met after an action by the policy of every task z at once:
// F(s,a,z) . B(s'), so that the best policy for any reward can be read off, z = E[ r B ], without learning again.
//
//	loss = 1/2 sum_F mean off-diagonal (M - g M')^2 - sum_F mean diagonal M
//	       + ortho * ( mean off-diagonal (B B')^2 - 2 mean diagonal B B' ),  M = F B'
//
// Touati and Ollivier, NeurIPS 2021, arXiv:2103.07945; the losses are those of the authors' later code
// (arXiv:2209.14935) with two forward networks, of whom the lesser product counts. Actions are discrete here, and the
// next one is the best for z by the targets. z are half random directions, half B of observations of the batch. The
// reward's z is kept as a running mean, by which the agent acts: it learns from episodes of others, whose rewards
// nothing else reads.
type ForwardBackward struct {
	Embedding int     `toml:"embedding"` // numbers of z, F and B
	Hidden    int     `toml:"hidden"`    // of F and B
	Discount  float64 `toml:"discount"`  // g
	Ortho     float64 `toml:"ortho"`     // weight of B's numbers being different ones
	Momentum  float64 `toml:"momentum"`  // of the targets
}

// DefaultForwardBackward has the authors' weights.
func DefaultForwardBackward() *ForwardBackward {
	return &ForwardBackward{Embedding: 32, Hidden: 256, Discount: 0.95, Ortho: 1, Momentum: 0.99}
}

// Validate implements methods.Method.
func (m *ForwardBackward) Validate() error {
	return errors.Join(setting.Least("embedding", m.Embedding, 2), setting.Least("hidden", m.Hidden, 1),
		setting.Within("discount", m.Discount, 0, 1), setting.Weight("ortho", m.Ortho),
		setting.Within("momentum", m.Momentum, 0, 1))
}

// networks are F1 and F2, [B,A,d] of features and z, and B, [B,d] of features, of length sqrt d.
func (m *ForwardBackward) networks(s *graph.Scope, dim, actions int) (f [2]func(h, z *graph.Node) *graph.Node,
	back layer.Func) {
	for i, name := range []string{"0", "1"} {
		net := heads.Plain(s.In("forward").In(name), dim+m.Embedding, m.Hidden, actions*m.Embedding)
		f[i] = func(h, z *graph.Node) *graph.Node {
			return op.Reshape(net(op.Concat(1, h, z)), -1, actions, m.Embedding)
		}
	}
	return f, layer.Chain(heads.Plain(s.In("backward"), dim, m.Hidden, m.Embedding), m.onSphere)
}

// onSphere is rows of length sqrt d.
func (m *ForwardBackward) onSphere(x *graph.Node) *graph.Node {
	return op.Scale(op.Normalize(x, losses.Eps), math.Sqrt(float64(m.Embedding)))
}

// Build implements methods.Method.
func (m *ForwardBackward) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	target, a := s.Twin("target", s.Constant(m.Momentum)), actionsOf(b)
	f, back := m.networks(s, enc.Dim, a)
	fT, backT := m.networks(target, enc.Dim, a)
	encode := enc.New(s)
	h, later := encode(b.View(0)), b.Field(steps.After(1))
	next, nextT := encode(later), op.StopGradient(enc.New(target)(later))
	met := back(next) // [B,d]
	z := op.StopGradient(m.tasks(s, met, b.Size()))

	chosen := action(s, b, 0, 1)
	pick := func(f *graph.Node, by *graph.Node) *graph.Node { // [B,A,d], [B,A] -> [B,d]
		return op.SumAxes(op.Mul(f, op.Reshape(by, -1, a, 1)), false, 1)
	}
	ahead := [2]*graph.Node{fT[0](nextT, z), fT[1](nextT, z)}
	best := losses.OneHot(s, op.Argmax(losses.Smaller(worthOf(ahead[0], z), worthOf(ahead[1], z))), a)
	discount := op.Reshape(op.Affine(b.Field(steps.Terminal(1)), -m.Discount, m.Discount), -1, 1)
	t := m.terms(s, forwardBackward{
		f: [2]*graph.Node{pick(f[0](h, z), chosen), pick(f[1](h, z), chosen)}, b: met,
		targetF: [2]*graph.Node{pick(ahead[0], best), pick(ahead[1], best)}, targetB: backT(nextT), discount: discount,
	})
	task := s.In("task").State("z", graph.Fill(0), m.Embedding) // of the reward
	paid := op.Mul(op.Reshape(b.Field(steps.Rewards(1)), -1, 1), met)
	s.Update(task, op.Lerp(task, op.StopGradient(op.Mean(s.AllRows(paid), false, 0)), s.Constant(0.99)))
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "off_diagonal", Weight: 1, Value: t.off},
			{Name: "diagonal", Weight: -1, Value: t.own},
			{Name: "orthonormal", Weight: m.Ortho, Value: t.orthonormal}},
		Metrics: []methods.Metric{spread(met)},
	}
}

// tasks are z for a batch: the first half random, the others B of other rows.
func (m *ForwardBackward) tasks(s *graph.Scope, met *graph.Node, n int) *graph.Node {
	r := s.In("task")
	random := m.onSphere(r.Random("z").Normal(n/2, m.Embedding))
	others := reordered(met, permutations(r, n, 1)[0])
	return op.Concat(0, random, op.Slice(others, 0, n/2, n))
}

// worthOf are the values [B,A] of F [B,A,d] for z [B,d].
func worthOf(f, z *graph.Node) *graph.Node {
	return op.SumAxes(op.Mul(f, op.Reshape(z, op.ShapeOf(z)[0], 1, -1)), false, 2)
}

// Values implements methods.Acts: for the reward's z.
func (m *ForwardBackward) Values(s *graph.Scope, enc methods.Encoder, x *graph.Node, actions int) *graph.Node {
	f, _ := m.networks(s, enc.Dim, actions)
	h := enc.New(s)(x)
	n := op.ShapeOf(h)[0]
	task := op.Reshape(s.In("task").State("z", graph.Fill(0), m.Embedding), 1, m.Embedding)
	z := m.onSphere(op.BroadcastTo(task, []int{n, m.Embedding}))
	return losses.Smaller(worthOf(f[0](h, z), z), worthOf(f[1](h, z), z))
}

// forwardBackward is what the losses are of: [B,d] each, and the discount [B,1].
type forwardBackward struct {
	f, targetF           [2]*graph.Node
	b, targetB, discount *graph.Node
}

// fbTerms are the sums over both forward networks, and the target products [B,B].
type fbTerms struct{ off, own, orthonormal, targets *graph.Node }

func (m *ForwardBackward) terms(s *graph.Scope, x forwardBackward) (t fbTerms) {
	products := func(f, b *graph.Node) *graph.Node { return op.MatMul(f, b, false, true) }
	t.targets = op.StopGradient(losses.Smaller(products(x.targetF[0], x.targetB), products(x.targetF[1], x.targetB)))
	goal := op.Mul(x.discount, t.targets)
	var off, own []*graph.Node
	for _, f := range x.f {
		met := products(f, x.b)
		off = append(off, op.Scale(offMean(op.Square(op.Sub(met, op.StopGradient(goal)))), 0.5))
		own = append(own, ownMean(s, met))
	}
	t.off, t.own, t.orthonormal = op.Sum(off...), op.Sum(own...), orthonormal(s, x.b)
	return t
}
