package equivariant

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SEN, a symmetric embedding network, embeds images into a space in which the group of quarter turns acts in a known
// way, and learns by predicting where a turn takes the embedding.
//
//	loss = mean e(T(z, a), z') + mean max(0, hinge - e(z, z~)),  e(u, v) = |u - v|^2 / (2 sigma^2)
//
// Park, Biza, Zhao, van de Meent, Walters, ICML 2022, arXiv:2204.11371, with the contrastive loss of world models that
// it takes from Kipf, van der Pol, Welling, ICLR 2020, arXiv:1911.12247, eq. 3 to 5. The encoder knows nothing of
// turns; its features become fields [4], over which a turn moves the entries in a circle, the regular representation of
// C4. z is the first view's, z' the second's, a the quarters between them (views.quarter_turn = 1.0), and z~ that of
// another image of the batch: the next one, where the code of world models draws a permutation. T is z plus an
// equivariant network of z and a, T(gz, a) = g T(z, a), or with transition = [] the turn itself, as in the paper's task
// of a teapot. In the papers actions are those of an agent, images have objects, and sigma and hinge are of each; here
// an image is one object, and views may be cropped and coloured too, which the embedding then forgets. The authors
// published no code.
type SEN struct {
	Fields int `toml:"fields"` // of four entries each, which a turn moves
	// hidden fields of the network that predicts; []: the turn moves the entries
	Transition []int   `toml:"transition"`
	Sigma      float64 `toml:"sigma"` // unit of the distances
	Hinge      float64 `toml:"hinge"` // energy from which two images are apart
}

// DefaultSEN has the settings of C-SWM for sigma and hinge; its hidden layers have 512 units.
func DefaultSEN() *SEN { return &SEN{Fields: 32, Transition: []int{128, 128}, Sigma: 0.5, Hinge: 1} }

// Validate implements methods.Method.
func (m *SEN) Validate() error {
	return errors.Join(setting.Least("fields", m.Fields, 1), heads.CheckHidden("transition", m.Transition),
		setting.Positive("sigma", m.Sigma), setting.Positive("hinge", m.Hinge))
}

// TurnsImages implements methods.Turning.
func (m *SEN) TurnsImages() {}

// Build implements methods.Method.
func (m *SEN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if b.Size() < 2 {
		op.Fail("", "a batch of 1 has no other image to be apart from; want at least 2")
	}
	h, state, next, predicted := m.embed(s, enc, b)
	terms := m.terms(predicted, next, state, rolled(state, 0, 1))
	return methods.Objective{Features: h, Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(op.Reshape(state, b.Size(), 4*m.Fields))}}}
}

// Follow implements methods.Following.
func (m *SEN) Follow(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (predicted, followed *graph.Node) {
	_, _, next, guess := m.embed(s, enc, b)
	flat := func(z *graph.Node) *graph.Node { return op.Reshape(z, b.Size(), 4*m.Fields) }
	return flat(guess), flat(next)
}

// embed is the features of the first view [B,F], its state, that of the second view and this as predicted, [B,4,K].
func (m *SEN) embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (h, state, next, predicted *graph.Node) {
	h = enc.New(s)(op.Concat(0, b.Views(2)...)) // [2B,F]
	a := between(s, b, []string{"turn"})        // [B,4]
	embed := layer.Linear(s.In("embedding"), enc.Dim, 4*m.Fields, true)
	z := op.Reshape(embed(h), 2*b.Size(), 4, m.Fields)
	state, next = op.Slice(z, 0, 0, b.Size()), op.Slice(z, 0, b.Size(), 2*b.Size())
	return op.Slice(h, 0, 0, b.Size()), state, next, m.transition(s.In("transition"))(state, a)
}

// terms compare states of images [B,...] with their predictions and with states of others.
func (m *SEN) terms(predicted, next, state, other *graph.Node) []methods.Term {
	apart := op.Relu(op.Affine(m.energy(state, other), -1, m.Hinge))
	return []methods.Term{{Name: "positive", Weight: 1, Value: op.MeanAll(m.energy(predicted, next))},
		{Name: "negative", Weight: 1, Value: op.MeanAll(apart)}}
}

// energy is that of each pair of rows of u and v [B,...], [B].
func (m *SEN) energy(u, v *graph.Node) *graph.Node {
	n := op.ShapeOf(u)[0]
	d := op.Square(op.Reshape(op.Sub(u, v), n, -1))
	return op.Scale(op.SumAxes(d, false, 1), 1/(2*m.Sigma*m.Sigma))
}

// transition is where turns a [B,4] of 0 and 1 take states z [B,4,K].
func (m *SEN) transition(s *graph.Scope) func(z, a *graph.Node) *graph.Node {
	return func(z, a *graph.Node) *graph.Node {
		n := op.ShapeOf(z)[0]
		if len(m.Transition) == 0 {
			var moved []*graph.Node
			for k := range 4 {
				moved = append(moved, op.Mul(rolled(z, 1, k), op.Reshape(op.Slice(a, 1, k, k+1), n, 1, 1)))
			}
			return op.Sum(moved...)
		}
		x := op.Concat(2, z, op.BroadcastTo(op.Reshape(a, n, 1, 4), []int{n, 4, 4})) // [B,4,K+4]
		for i, w := range m.Transition {
			x = op.Relu(groupConv(s.In(fmt.Sprint(i)), x, w))
		}
		return op.Add(z, groupConv(s.In("out"), x, m.Fields))
	}
}

// groupConv is x [B,4,C] convolved over the group C4, [B,4,D], with a bias for each of the D fields: what moves the
// entries of x in a circle moves those of the result alike (Cohen and Welling 2016, arXiv:1602.07576, eq. 10).
func groupConv(s *graph.Scope, x *graph.Node, d int) *graph.Node {
	var seen []*graph.Node
	for k := range 4 {
		seen = append(seen, rolled(x, 1, k))
	}
	all := op.Concat(2, seen...) // [B,4,4C]
	n, c := op.ShapeOf(all)[0], op.ShapeOf(all)[2]
	return op.Reshape(layer.Linear(s, c, d, true)(op.Reshape(all, 4*n, c)), n, 4, d)
}

// rolled is x whose entry i along an axis is its entry i+k, in a circle.
func rolled(x *graph.Node, axis, k int) *graph.Node {
	n := op.ShapeOf(x)[axis]
	if k %= n; k == 0 {
		return x
	}
	return op.Concat(axis, op.Slice(x, axis, k, n), op.Slice(x, axis, 0, k))
}
