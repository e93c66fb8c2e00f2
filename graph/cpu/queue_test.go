package cpu_test

import (
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// A queue and a bank that are state take their new rows where they lie, without a copy, after everybody has read the
// old ones: each step sees the queue as the step before left it.
func TestQueueIsUpdatedInPlace(t *testing.T) {
	for _, b := range []ir.Backend{ref.Backend{}, cpu.Backend{Poison: true}} {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			queue, bank := s.State("queue", graph.Fill(0), 5, 2), s.State("bank", graph.Fill(-1), 4)
			x, at := s.Param("x", graph.Fill(1), 2, 2), s.Input("at")
			rows := op.BroadcastTo(op.Shift(at, 1), ir.Shape{2, 2})
			s.Update(queue, op.PutAt(queue, at, rows))
			s.Update(bank, op.PutRows(bank, s.IntInput("ids", 2), op.Reshape(op.Slice(rows, 1, 0, 1), 2)))
			y := op.MatMul(x, queue, false, true) // [2,5], reads the old queue, as its gradient does
			loss := op.SumAll(op.Square(y))
			s.Output("y", op.Row(y, 0))
			s.Output("gradient", s.Gradients(loss, []*op.Node{x})[0])
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		p, err := g.Compile(b, st)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range p.IR.Updates {
			if got := p.IR.Bufs[u.New].Root; got != u.State {
				t.Errorf("%s: the new %s is not made in place", b.Name(), p.IR.Bufs[u.State].Name)
			}
		}
		at, _ := p.Input("at")
		ids, _ := p.Input("ids")
		y, _ := p.Output("y")
		want := make([]float32, 5)
		for step, id := range []int32{0, 3, -1, 3} {
			at.Set(0, float64(2*step))
			ids.I32[0], ids.I32[1] = id, id
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(y.F32, want) {
				t.Errorf("%s: step %d sees %v, want %v", b.Name(), step, y.F32, want)
			}
			for i := range 2 {
				want[(2*step+i)%5] = 2 * float32(2*step+1)
			}
		}
		if got, want := st.Get("bank").F32, []float32{1, -1, -1, 7}; !slices.Equal(got, want) {
			t.Errorf("%s: the bank is %v, want %v", b.Name(), got, want)
		}
	}
}
