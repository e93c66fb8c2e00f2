package contrastive

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// looseDraw is what was drawn for a batch of views.
type looseDraw struct{ turns, factor, shift *graph.Node }

// draw draws quarter turns and tones for b views of c channels.
func (m *LooC) draw(r *graph.Random, b, c int) looseDraw {
	between := func(low, high float64) *graph.Node {
		return op.Affine(r.Uniform(b, 1, 1, c), high-low, low)
	}
	return looseDraw{op.Argmax(r.Uniform(b, 4)), between(1-m.Contrast, 1+m.Contrast),
		between(-m.Brightness, m.Brightness)}
}

// apply turns square views x [B,H,H,C] counter-clockwise and changes their tones.
func (d looseDraw) apply(s *graph.Scope, x *graph.Node) *graph.Node {
	at := op.ShapeOf(x)
	var sum []*graph.Node
	for turn, turned := range methods.QuarterTurns(s, x) {
		which := s.Equal(d.turns, s.Ints(fmt.Sprintf("const/turn%d", turn), []int32{int32(turn)})) // [B]
		sum = append(sum, op.Mul(turned, op.Reshape(which, at[0], 1, 1, 1)))
	}
	x = op.Sum(sum...)
	mean := op.Mean(x, true, 1, 2)
	return op.Add(op.Add(op.Mul(op.Sub(x, mean), d.factor), mean), d.shift)
}
