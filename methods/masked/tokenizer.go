package masked

import (
	"fmt"
	"math"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Tokenizer is a method whose runs name a token for every cell of an image.
type Tokenizer interface {
	methods.Method
	// Size is how many tokens there are.
	Size() int
	// Tokenize is the tokens of images x [B,H,W,C], int32 [B,T], of cells by rows, and how many rows and columns.
	Tokenize(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) (tokens *graph.Node, rows,
		columns int)
}

func logOf(n int) float64 { return math.Log(float64(n)) }

// Size implements Tokenizer.
func (m *DVAE) Size() int { return m.Vocabulary }

// Tokenize implements Tokenizer: the likeliest tokens, without noise.
func (m *DVAE) Tokenize(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) (tokens *graph.Node,
	rows, columns int) {
	cells := lastMap(s, enc, b)(x)
	at := op.ShapeOf(cells)
	logits := m.logits(s, at[3])(op.Reshape(cells, -1, at[3]))
	return op.Reshape(op.Argmax(logits), at[0], at[1]*at[2]), at[1], at[2]
}

// tokens are a tokenizer that a run lends.
type tokens struct {
	of   Tokenizer
	lent methods.Lent
}

// take checks what a run is.
func (t *tokens) take(l methods.Lent, vocabulary int) error {
	of, ok := l.Method.(Tokenizer)
	if !ok {
		return fmt.Errorf("is the run of a method that names no tokens (%T); want one of [method.dvae], "+
			"[method.vqvae] or [method.vqkd]", l.Method)
	}
	if vocabulary != 0 && vocabulary != of.Size() {
		return fmt.Errorf("has %d tokens, vocabulary = %d; want that of the run, or 0 for any", of.Size(), vocabulary)
	}
	t.of, t.lent = of, l
	return nil
}

// scope is where the tokenizer's networks are.
const tokenizerScope = "tokenizer"

// tell is the tokens of the batch's images x, on a grid of so many rows and columns, int32 [B,T].
func (t *tokens) tell(s *graph.Scope, b *methods.Batch, x *graph.Node, rows, columns int) *graph.Node {
	if t.of == nil {
		b.Unfit("the tokens are those of a run: want tokenizer = its folder")
	}
	f := b.Of("view0")
	if !slices.Equal(f.Shape, t.lent.Input.Shape) {
		op.Fail("", "tokenizer: it was trained on images of %v, the views are %v; want views of that size",
			t.lent.Input, methods.InputOf(f))
	}
	enc := methods.EncoderOf(t.lent.Backbone, f)
	ids, h, w := t.of.Tokenize(s.In(tokenizerScope).Locked(), enc, b, op.StopGradient(x))
	if h != rows || w != columns {
		op.Fail("", "tokenizer: it gives %dx%d tokens of an image, the encoder has %dx%d patches; want patches of "+
			"another side, or another tokenizer", h, w, rows, columns)
	}
	return ids
}
