package graph

import (
	"math/rand/v2"
	"strings"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Frozen declares a value that keeps what it starts with: a random projection, fixed positions. A teacher's is its
// student's own.
func (s *Scope) Frozen(name string, init Init, shape ...int) *Node {
	for s.tw != nil {
		s = s.tw
	}
	return s.State(name, init, shape...)
}

// Random is a source of random numbers in a graph. They depend on the Store's seed, the source's name, the step, and
// the place of the draw among those of the source; so an interrupted training goes on with the same ones.
type Random struct {
	key, step *Node
	draws     int
}

// Random declares a source of random numbers below s: name/key in the Store, and name/step, which the host feeds. Who
// declares it again, a layer that is built twice, draws on from the same source.
func (s *Scope) Random(name string) *Random {
	at := s.In(name)
	r := s.g.sources[at.path]
	if r == nil {
		r = &Random{
			key:  at.Frozen("key", randomKey, 2),
			step: at.Scheduled("step", func(t Time) float64 { return float64(t.Draw()) }),
		}
		s.g.sources[at.path] = r
	}
	return r
}

// RandomOf is a source of random numbers whose key, [2] whole numbers below 2^24, and step, 0-d, are the caller's: for
// graphs that draw beside a training, whose Store holds no key for them.
func RandomOf(key, step *Node) *Random { return &Random{key: key, step: step} }

// IsKey reports whether an entry of the Store is the key of a Random, which is no part of what was learned.
func IsKey(name string) bool { return strings.HasSuffix(name, "/key") }

// randomKey draws whole numbers that float32 holds.
func randomKey(a ir.Array, r *rand.Rand) {
	for i := range a.Shape.Size() {
		a.Set(i, float64(r.IntN(1<<24)))
	}
}

// Uniform draws numbers in [0,1).
func (r *Random) Uniform(shape ...int) *Node {
	r.draws++
	return op.RandomUniform(r.key, r.step, r.draws-1, shape...)
}

// Keep draws 1/keep with probability keep, else 0.
func (r *Random) Keep(keep float64, shape ...int) *Node {
	r.draws++
	return op.RandomKeep(r.key, r.step, r.draws-1, keep, shape...)
}

// Normal draws numbers of mean 0 and variance 1.
func (r *Random) Normal(shape ...int) *Node {
	r.draws++
	return op.RandomNormal(r.key, r.step, r.draws-1, shape...)
}

// Bernoulli draws 1 with probability p, else 0.
func (r *Random) Bernoulli(p float64, shape ...int) *Node {
	r.draws++
	return op.RandomBernoulli(r.key, r.step, r.draws-1, p, shape...)
}

// BernoulliOf draws 1 with the probability in each element of p, else 0, in the shape of p: units of a Boltzmann
// machine, masks. No gradient flows into p.
func (r *Random) BernoulliOf(p *Node) *Node { return op.Less(r.Uniform(op.ShapeOf(p)...), p) }

// betaTries is how often Beta draws a pair. The least accepting law, of a = 1, takes every second one.
const betaTries = 32

// Beta draws n numbers of the law Beta(a,a), a above 0 and at most 1: the shares of mixed samples. Of pairs of uniform
// numbers u and v it takes the first with x + y <= 1, where x = u^(1/a) and y = v^(1/a), and gives x / (x + y).
//
// Joehnk, Metrika 8, 1964.
func (r *Random) Beta(a float64, n int) *Node {
	power := func() *Node { // [n,tries], above 0
		return op.Exp(op.Scale(op.Log(op.Affine(r.Uniform(n, betaTries), 1-1e-7, 1e-7)), 1/a))
	}
	x, y := power(), power()
	sum := op.Add(x, y)
	one := op.Affine(op.Scale(sum, 0), 1, 1)
	at := op.Reshape(op.Argmax(op.Neg(op.Greater(sum, one))), n, 1) // the first that is not above 1
	first := func(v *Node) *Node { return op.Reshape(op.GatherTokens(op.Reshape(v, n, betaTries, 1), at), n) }
	return op.StopGradient(op.Div(first(x), first(sum)))
}
