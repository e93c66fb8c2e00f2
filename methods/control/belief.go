package control

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
)

// predict are the guesses [s][k-1] [B,F] of the features at s+k, from step s on, where both are in the window.
func (m *BYOLExplore) predict(s *graph.Scope, seen *graph.Node, b *methods.Batch, dim int) [][]*graph.Node {
	n, a := b.Size(), actionsOf(b)
	see := gru(s.In("belief"), dim+a, m.Hidden)
	goOn := gru(s.In("ahead"), a, m.Hidden)
	predict := heads.Plain(s.In("predictor"), m.Hidden, m.Hidden, dim)
	act := func(t int) *graph.Node { return action(s, b, t, m.Window) }
	none := s.Floats(fmt.Sprintf("const/none%d", n), make([]float64, n*a), n, a)
	belief := s.Floats(fmt.Sprintf("const/blank%d", n), make([]float64, n*m.Hidden), n, m.Hidden)
	var guesses [][]*graph.Node
	before := none
	for t := range m.Window {
		belief = see(op.Concat(1, at(seen, t), before), belief)
		before = act(t)
		var row []*graph.Node
		state := belief
		for k := 1; k <= m.Horizon && t+k <= m.Window; k++ {
			state = goOn(act(t+k-1), state)
			row = append(row, predict(state))
		}
		guesses = append(guesses, row)
	}
	return guesses
}

// gru is a cell of gated recurrent units, of an input [B,in] and a state [B,hidden] (Cho et al. 2014,
// arXiv:1406.1078).
func gru(s *graph.Scope, in, hidden int) func(x, h *graph.Node) *graph.Node {
	gate := func(name string) layer.Func { return layer.Linear(s.In(name), in+hidden, hidden, true) }
	reset, update, fresh := gate("reset"), gate("update"), gate("fresh")
	return func(x, h *graph.Node) *graph.Node {
		both := op.Concat(1, x, h)
		r, z := op.Sigmoid(reset(both)), op.Sigmoid(update(both))
		n := op.Tanh(fresh(op.Concat(1, x, op.Mul(r, h))))
		return op.Add(n, op.Mul(z, op.Sub(h, n)))
	}
}
