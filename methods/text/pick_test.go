package text

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// The loss over picked places is the loss over all places, of which it has the selected.
func TestPick(t *testing.T) {
	const n = 100
	m := &MLM{Ratio: 0.1}
	var count int
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		logits := s.Param("logits", graph.Normal(1), n, 7)
		ids, chosen := make([]int32, n), make([]float64, n)
		for i := range n {
			ids[i] = int32(i % 7)
			if i%5 == 3 { // 20, where 10 are expected
				chosen[i] = 1
			}
		}
		to, selected := s.Ints("ids", ids), s.Floats("selected", chosen, n)
		all, accuracy := Guess(logits, to, selected)
		pick := m.pick(selected)
		picked, same := Guess(pick(logits), pick(to), pick(selected))
		count = op.ShapeOf(pick(logits))[0]
		s.Output("loss", op.Sub(all, picked))
		s.Output("accuracy", op.Sub(accuracy, same))
		ps := s.Params()
		s.Output("gradient", op.SumAll(op.Square(op.Sub(s.Gradients(all, ps)[0], s.Gradients(picked, ps)[0]))))
		s.Output("slope", op.SumAll(op.Square(s.Gradients(picked, ps)[0])))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err == nil {
		err = p.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) float64 {
		y, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		return y.At(0)
	}
	for _, name := range []string{"loss", "accuracy", "gradient"} {
		if d := value(name); d > 1e-12 || d < -1e-12 {
			t.Errorf("%s of the picked differs by %v from that of all", name, d)
		}
	}
	if count != 28 || value("slope") == 0 {
		t.Errorf("%d of %d places are guessed with a gradient of %v, want 28 = 10 + 6 sqrt(9) of them and a gradient",
			count, n, value("slope"))
	}
}
