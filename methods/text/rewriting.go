package text

import (
	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// Rewriting is the settings of a decoder that writes a text from what an encoder read of it.
type Rewriting struct {
	Depth int `toml:"decoder_depth"` // blocks
	Heads int `toml:"decoder_heads"` // of attention
	MLP   int `toml:"decoder_mlp"`   // width within a block's MLP; 0: four times that of a token
}

// Validate checks the settings.
func (m *Rewriting) Validate() error {
	switch {
	case m.Depth < 1:
		return setting.Bad("decoder_depth", "%d: want at least 1 block", m.Depth)
	case m.Heads < 1:
		return setting.Bad("decoder_heads", "%d: want at least 1", m.Heads)
	case m.MLP < 0:
		return setting.Bad("decoder_mlp", "%d: want a width above 0, or 0 for four times that of a token", m.MLP)
	}
	return nil
}

// build is the objective of writing target [B,K] from source [B,S], both of the vocabulary and so many special symbols
// behind it. Each symbol is told from those before it; before the first there is padding, as in T5. Embeddings are
// those of the encoder, in the decoder and where symbols are told.
func (m *Rewriting) build(s *graph.Scope, e *backbones.TokenEncoder, source, target *graph.Node,
	special int) methods.Objective {
	if e.Dim%m.Heads != 0 {
		op.Fail("", "decoder_heads = %d: want a divisor of the encoder's width %d", m.Heads, e.Dim)
	}
	b, k := op.ShapeOf(target)[0], op.ShapeOf(target)[1]
	table, keys := extended(s, e, special), e.Symbols.There(source)
	memory := e.Symbols.Encode(e.Symbols.Place(look(table, source)), keys) // [B,S,D]
	before := s.Ints("const/begin", make([]int32, b))
	written := op.Concat(1, op.Reshape(before, b, 1), op.Slice(target, 1, 0, k-1)) // [B,K]
	writer := heads.Writer{Dim: e.Dim, From: e.Dim, Heads: m.Heads, Hidden: m.MLP, Depth: m.Depth, Length: k,
		Deviation: 0.02}.New(s.In("decoder"))
	y := writer(look(table, written), memory, keys) // [B,K,D]
	loss, accuracy := Guess(told(s, y, table), target, s.AllRows(e.Symbols.There(target)))
	features := e.Symbols.Pool(memory, keys)
	return methods.Objective{Features: features, Terms: []methods.Term{{Name: "written", Weight: 1, Value: loss}},
		Metrics: spelled(loss, accuracy, features)}
}
