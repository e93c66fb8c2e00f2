package text

import (
	"selfsup/backbones"
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Spelling has a text as the recipe's vocabulary writes it, such as in words, and the same text letter by letter
// recognise each other among all texts of the batch. Each form has an encoder of its own; that of the words is
// evaluated.
//
// Contrast between a text in words and in characters is of section 4.1 of the Cookbook (arXiv:2304.12210); the loss is
// CLIP's at a fixed temperature. To be more than a lookup a text loses some of its words and letters first.
type Spelling struct {
	Letters     overlay.Choice[backbones.Backbone] `toml:"letters" overlay:"of=backbone"` // the encoder of letters
	Length      int                                `toml:"length"`                        // letters of a text, at most
	Dim         int                                `toml:"dim"`                           // of the space of both
	Temperature float64                            `toml:"temperature"`                   // of cosines
	// share of words, and of letters, that are left out
	Drop float64 `toml:"drop"`
}

// DefaultSpelling has a small transformer for the letters.
func DefaultSpelling() *Spelling {
	letters := backbones.DefaultTransformer()
	letters.Channels, letters.Depth = 64, 2
	return &Spelling{Letters: overlay.Choice[backbones.Backbone]{Name: "transformer", Value: letters}, Length: 128,
		Dim: 128, Temperature: 0.1, Drop: 0.1}
}

// Validate implements methods.Method.
func (m *Spelling) Validate() error {
	switch {
	case m.Length < 1:
		return setting.Bad("length", "%d: want at least 1 letter", m.Length)
	case m.Dim < 1:
		return setting.Bad("dim", "%d: want at least 1", m.Dim)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0, such as 0.1", m.Temperature)
	case !(m.Drop >= 0 && m.Drop < 1):
		return setting.Bad("drop", "%v: want a share from 0 to below 1", m.Drop)
	}
	return nil
}

// Build implements methods.Method.
func (m *Spelling) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	need(s, enc, b)
	if b.Vocabulary() == nil {
		b.Unfit("nobody knows how the symbols of these data are written: choose a dataset of texts such as " +
			"[dataset.text]")
	}
	made := b.Edit(&edits.Letters{Vocabulary: b.Vocabulary(), Length: m.Length, Drop: m.Drop}, "view0")
	in := backbones.Input{Shape: []int{m.Length}, Int: true, Of: []int{edits.LettersOf}}
	if err := m.Letters.Value.Check(in); err != nil {
		op.Fail("", "[method.spelling.letters.%s] %v", m.Letters.Name, err)
	}
	h := enc.New(s)(made[0]) // [B,F]
	letters := m.Letters.Value.New(s.In("letters/backbone"), in)(made[1])
	u := layer.Dense(s.In("words_head"), enc.Dim, m.Dim)(h)
	v := layer.Dense(s.In("letters_head"), m.Letters.Value.Dim(), m.Dim)(letters)
	logits := op.Scale(op.MatMul(s.AllRows(op.Normalize(u, losses.Eps)), s.AllRows(op.Normalize(v, losses.Eps)), false,
		true), 1/m.Temperature)
	return methods.Objective{Features: h, Terms: []methods.Term{{Name: "match", Weight: 1,
		Value: losses.Matching(s, logits, 0)}},
		Metrics: []methods.Metric{{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "spread", Value: losses.Spread(h)}}}
}
