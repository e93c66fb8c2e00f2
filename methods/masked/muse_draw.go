package masked

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Draw implements methods.Drawing.
func (m *Muse) Draw(s *graph.Scope, enc methods.Encoder, b *methods.Batch, random *graph.Random) *graph.Node {
	e := methods.Patches(s, enc, b)
	tell, painter := m.network(s, e, b), m.painter(b)
	d := decoding{of: m.Iterations, choice: m.Choice, start: e.Rows * e.Columns}
	ids := d.all(s, random, b.Size(), painter.Size(), func(step int, known, unknown *graph.Node) *graph.Node {
		return guided(m.guidance(step), func(told *graph.Node) *graph.Node {
			_, logits := tell(known, unknown, told)
			return logits
		}, op.Reshape(s.Constant(0), 1, 1, 1))
	})
	return painter.Paint(s.In(tokenizerScope).Locked(), ids, e.Rows, e.Columns, b.Of("view0").Shape)
}

// guidance is the scale at a step of drawing, counted from 0.
func (m *Muse) guidance(step int) float64 {
	return m.Guidance * float64(step) / float64(max(m.Iterations-1, 1))
}

// guided is logits away from those without a caption, by a scale: of a caption alone at 0, and of none at -1.
func guided(scale float64, logits func(told *graph.Node) *graph.Node, none *graph.Node) *graph.Node {
	switch scale {
	case 0:
		return logits(nil)
	case -1:
		return logits(none)
	}
	return op.Sub(op.Scale(logits(nil), 1+scale), op.Scale(logits(none), scale))
}

// painter is the tokenizer.
func (m *Muse) painter(b *methods.Batch) Painter {
	p, ok := m.tokens.of.(Painter)
	if !ok {
		b.Unfit("the tokenizer's tokens cannot be painted: want tokenizer = the folder of a run of [method.dvae] or " +
			"[method.vqvae]")
	}
	return p
}
