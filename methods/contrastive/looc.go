package contrastive

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

// LooC, leave-one-out contrast, embeds an image in several spaces: one is the same for all augmentations, each other
// one tells what one augmentation did and is the same for the others.
//
//	loss = -1/(n+1) mean_i [ log( sum_j e^(q0 k0j/t) / (sum_j e^(q0 k0j/t) + N_0) )
//	       + sum_(a = 1..n) log( e^(qa kaa/t) / (sum_j e^(qa kaj/t) + N_a) ) ],  N_a = sum_(k in queue a) e^(qa k/t)
//
// Xiao, Wang, Efros, Darrell, ICLR 2021, arXiv:2008.05659, eq. 1, over MoCo v2, which see. Key j > 0 was augmented like
// the query by augmentation j and independently by the others, key 0 independently by all. Augmentations with a space
// are quarter turns and tone: brightness and contrast of each channel, drawn here on the views, which have crops and
// flips in common and should have no jitter (views.jitter = 0). The paper has colour jitter, rotation and texture.
type LooC struct {
	Queued
	Brightness float64 `toml:"brightness"` // of the tone: added, uniform in -/+ this many deviations
	Contrast   float64 `toml:"contrast"`   // of the tone: a factor uniform in 1 -/+ this
}

const looseAugmentations = 2 // quarter turns, tone

// DefaultLooC has MoCo v2's settings for ImageNet, and tones like its jitter.
func DefaultLooC() *LooC { return &LooC{Queued: usualQueue(), Brightness: 0.4, Contrast: 0.4} }

// Validate implements methods.Method.
func (m *LooC) Validate() error {
	if !(m.Brightness >= 0) {
		return setting.Bad("brightness", "%v: want a number from 0 on", m.Brightness)
	}
	return errors.Join(setting.Within("contrast", m.Contrast, 0, 1), m.Queued.Validate())
}

// TurnsImages implements methods.Turning.
func (m *LooC) TurnsImages() {}

// Build implements methods.Method.
func (m *LooC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	const n = looseAugmentations
	views := b.Views(2 + n) // the query, and keys 0 to n
	if at := op.ShapeOf(views[0]); len(at) != 4 || at[1] != at[2] {
		b.Unfit("views of %v are turned by quarters; want square images", at)
	}
	d := heads.Width(enc.Dim, m.Projector)
	network := func(s *graph.Scope) func(x *graph.Node) (h *graph.Node, spaces []*graph.Node) {
		encode := enc.New(s)
		var project []layer.Func
		for a := range n + 1 {
			project = append(project, heads.Plain(s.In(fmt.Sprintf("projector%d", a)), enc.Dim, m.Projector...))
		}
		return func(x *graph.Node) (h *graph.Node, spaces []*graph.Node) {
			h = encode(x)
			for _, p := range project {
				spaces = append(spaces, op.Normalize(p(h), losses.Eps))
			}
			return h, spaces
		}
	}
	r := s.Random("augmentations")
	first := m.draw(r, b.Size(), op.ShapeOf(views[0])[3])
	h, q := network(s)(first.apply(s, views[0]))
	keys := make([][]*graph.Node, n+1) // of every key, in every space
	key := network(s.Twin("key", s.Constant(m.Momentum)))
	for j := range keys {
		drawn := m.draw(r, b.Size(), op.ShapeOf(views[0])[3])
		switch j {
		case 1:
			drawn.turns = first.turns
		case 2:
			drawn.factor, drawn.shift = first.factor, first.shift
		}
		_, keys[j] = key(drawn.apply(s, views[1+j]))
	}
	var terms []methods.Term
	for a := range n + 1 {
		var k []*graph.Node
		for j := range keys {
			k = append(k, op.StopGradient(keys[j][a]))
		}
		queue := s.In(fmt.Sprintf("space%d", a)).State("queue", graph.UnitNormal(), m.Queue, d) // [K,D]
		name := [...]string{"invariant", "turns", "tone"}[a]
		terms = append(terms, methods.Term{Name: name, Weight: 1. / (n + 1), Value: m.space(a, q[a], k, queue)})
		losses.Enqueue(s, queue, s.AllRows(k[0]))
	}
	return methods.Objective{Features: h, Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(q[0])}}}
}

// space is the loss in space a of queries q [B,D] and the keys k of their images, with the queue as negatives.
func (m *LooC) space(a int, q *graph.Node, k []*graph.Node, queue *graph.Node) *graph.Node {
	var own []*graph.Node
	for _, key := range k {
		own = append(own, op.SumAxes(op.Mul(q, key), true, 1)) // [B,1]
	}
	same := op.Scale(op.Concat(1, own...), 1/m.Temperature) // [B,1+n]
	all := op.Concat(1, same, op.Scale(op.MatMul(q, queue, false, true), 1/m.Temperature))
	positive := same
	if a > 0 {
		positive = op.Slice(same, 1, a, a+1)
	}
	return op.MeanAll(op.Sub(op.LogSumExp(all), op.LogSumExp(positive)))
}
