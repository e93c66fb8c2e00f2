package masked

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Painter is a Tokenizer that paints images of tokens.
type Painter interface {
	Tokenizer
	// Paint is images [B,H,W,C] of tokens [B,rows*columns] int32, with the networks in s.
	Paint(s *graph.Scope, tokens *graph.Node, rows, columns int, image ir.Shape) *graph.Node
}

// Paint implements Painter.
func (m *DVAE) Paint(s *graph.Scope, tokens *graph.Node, rows, columns int, image ir.Shape) *graph.Node {
	codebook := s.Param("codebook", graph.Normal(1), m.Vocabulary, m.Code)
	b := op.ShapeOf(tokens)[0]
	y := op.Gather(codebook, op.Reshape(tokens, b*rows*columns))
	return decodeCodes(s.In("decoder"), m.Widths, op.Reshape(y, b, rows, columns, m.Code),
		append(ir.Shape{b}, image...))
}

// Paint implements Painter.
func (m *VQVAE) Paint(s *graph.Scope, tokens *graph.Node, rows, columns int, image ir.Shape) *graph.Node {
	b := op.ShapeOf(tokens)[0]
	y := op.Gather(m.book(s).Codes(), op.Reshape(tokens, b*rows*columns))
	return decodeCodes(s.In("decoder"), m.Widths, op.Reshape(y, b, rows, columns, m.Code),
		append(ir.Shape{b}, image...))
}

// make is images [Shown,H,W,C] from nothing: all patches are hidden at first, and each step knows more of them.
func (m *MaskGIT) make(s *graph.Scope, b *methods.Batch, image ir.Shape, rows, columns int, logits func(x,
	hidden *graph.Node) *graph.Node) *graph.Node {
	painter, ok := m.tokens.of.(Painter)
	if !ok {
		b.Unfit("the tokenizer's tokens cannot be painted: want a run of [method.dvae] or [method.vqvae], or shown = 0")
	}
	at := s.In(tokenizerScope).Locked()
	paint := func(known *graph.Node) *graph.Node {
		return op.StopGradient(painter.Paint(at, known, rows, columns, image))
	}
	d := decoding{of: m.Iterations, choice: m.Choice, start: rows * columns}
	random := s.Random("made")
	return paint(d.all(s, random, m.Shown, painter.Size(), func(_ int, known, unknown *graph.Node) *graph.Node {
		return logits(paint(known), unknown)
	}))
}

// all is tokens [N,T] from nothing: at first all are unknown, and of each step's, drawn by logits [N,T,K], some more
// are known. T is d.start.
func (d *decoding) all(s *graph.Scope, random *graph.Random, n, k int, logits func(step int, known,
	unknown *graph.Node) *graph.Node) *graph.Node {
	t := d.start
	gumbel := func(shape ...int) *graph.Node {
		u := op.Affine(random.Uniform(shape...), 1-2e-6, 1e-6)
		return op.Neg(op.Log(op.Neg(op.Log(u))))
	}
	unknown := op.BroadcastTo(s.Constant(1), ir.Shape{n, t})
	known := op.Argmax(op.BroadcastTo(s.Constant(0), ir.Shape{n, t, k})) // any, where none is known
	d.unknown = t
	for d.step = range d.of {
		known, unknown, _ = d.next(known, unknown, logits(d.step, known, unknown), gumbel(n, t, k), gumbel(n, t))
		d.unknown = d.hidden()
	}
	return known
}

// decoding is a step of parallel decoding, counted from 0: how many tokens were unknown before the first and are now.
type decoding struct {
	step, of       int
	choice         float64
	start, unknown int
}

// hidden is how many tokens are unknown after the step, by the cosine schedule.
func (d decoding) hidden() int {
	ratio := float64(d.step+1) / float64(d.of)
	return max(1, min(d.unknown-1, int(math.Floor(float64(d.start)*math.Cos(math.Pi/2*ratio)))))
}

// next samples tokens [B,T] where they are unknown, [B,T] of 1 and 0, by logits [B,T,K] and Gumbel noise of their
// shape, and says which are unknown again: those whose probability, with noise [B,T], is least. p are the
// probabilities.
func (d decoding) next(known, unknown, logits, noise, choice *graph.Node) (sampled, again, p *graph.Node) {
	b, t, k := op.ShapeOf(logits)[0], op.ShapeOf(logits)[1], op.ShapeOf(logits)[2]
	drawn := op.Argmax(op.Add(logits, noise)) // [B,T]
	both := op.Concat(2, op.Reshape(op.Float(known, op.TypeOf(logits).DType), b, t, 1),
		op.Reshape(op.Float(drawn, op.TypeOf(logits).DType), b, t, 1))
	own := op.Add(op.Mul(op.Slice(both, 2, 0, 1), op.Affine(op.Reshape(unknown, b, t, 1), -1, 1)),
		op.Mul(op.Slice(both, 2, 1, 2), op.Reshape(unknown, b, t, 1))) // [B,T,1], whole numbers
	sampled = nearestInt(own, k)
	at := op.Reshape(sampled, b*t, 1)
	p = op.Reshape(op.GatherTokens(op.Reshape(op.Softmax(logits), b*t, k, 1), at), b, t)
	ratio := float64(d.step+1) / float64(d.of)
	sure := op.Add(op.Log(p), op.Scale(choice, d.choice*(1-ratio)))
	sure = op.Add(op.Mul(sure, unknown), op.Scale(op.Affine(unknown, -1, 1), 1e9)) // what is known stays
	rank := op.Float(op.Argsort(op.Argsort(sure)), op.TypeOf(logits).DType)
	return sampled, op.Less(rank, op.Shift(op.Scale(rank, 0), float64(d.hidden()))), p
}

// nearestInt is whole numbers [B,T,1] from 0 to k-1 as int32 [B,T].
func nearestInt(x *graph.Node, k int) *graph.Node {
	at := op.ShapeOf(x)
	zeros := op.BroadcastTo(op.Scale(x, 0), ir.Shape{at[0], at[1], k})
	all := op.Float(op.Argsort(zeros), op.TypeOf(x).DType) // 0 .. k-1 in every row
	return op.Argmax(op.Neg(op.Abs(op.Sub(all, x))))
}
