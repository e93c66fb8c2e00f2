package text

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// GPT guesses the symbol that comes next in a text, from those before it.
//
// Radford et al. 2018, Improving Language Understanding by Generative Pre-Training, section 3.1, eq. 1 and 2. Symbols
// are told by their embeddings without a bias, as in the GPT-2 code. The first symbol of a window is not guessed. The
// features are the mean over a text's symbols.
type GPT struct{}

// DefaultGPT has no settings: they are the transformer's, with form = "gpt".
func DefaultGPT() *GPT { return &GPT{} }

// Validate implements methods.Method.
func (m *GPT) Validate() error { return nil }

// Build implements methods.Method.
func (m *GPT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := need(s, enc, b)
	if !e.Symbols.Causal {
		op.Fail("", "this method guesses the symbol that comes next, and the backbone's symbols see what is behind "+
			"them; want [backbone.transformer] with form = \"gpt\"")
	}
	ids := b.View(0)                                                 // [B,T]
	y := e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(ids)), nil) // [B,T,D], padding is behind all else
	logits := told(s, y, e.Symbols.Table)                            // [B*T,V]
	there := e.Symbols.There(ids)                                    // [B,T]
	n := op.ShapeOf(ids)
	loss, accuracy := Next(op.Reshape(logits, n[0], n[1], -1), ids, s.AllRows(there))
	features := e.Symbols.Pool(y, there)
	return methods.Objective{Features: features, Terms: []methods.Term{{Name: "next", Weight: 1, Value: loss}},
		Metrics: spelled(loss, accuracy, features)}
}

// Continue implements methods.Writing.
func (m *GPT) Continue(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *graph.Node {
	e := need(s, enc, b)
	ids := b.View(0)
	y := e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(ids)), nil)
	return op.Reshape(told(s, y, e.Symbols.Table), op.ShapeOf(ids)[0], op.ShapeOf(ids)[1], -1)
}
