package masked

import (
	"cmp"
	"fmt"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Muse is MaskGIT told by words: it tells the tokens of hidden patches from those that are seen and from the image's
// caption, as a trained encoder of texts reads it, so that it draws images of captions.
//
//	loss = mean over hidden patches of the batch of cross-entropy(logits, smoothed token)
//	drawn by (1 + g) * logits(caption) - g * logits(no caption), g from 0 at the first step to guidance at the last
//
// Chang et al. 2023, arXiv:2301.00704, sections 2.2 to 2.8, without its second network for larger images. The tokenizer
// is a run of [method.dvae] or [method.vqvae]; the reader is the tower of texts of a run of [method.clip], in place of
// a T5. Both are read and not trained. A share of the captions is dropped in training: their attention to words is then
// 0, and tokens attend to each other alone.
//
// The backbone, which is evaluated, sees each token as the patch that the tokenizer paints of it alone, in training as
// in drawing; blocks with attention to the words stand behind it. In the paper all blocks attend to them.
type Muse struct {
	Tokenizer  string  `toml:"tokenizer"`  // folder of the run
	Vocabulary int     `toml:"vocabulary"` // tokens that it must have; 0: any
	Text       string  `toml:"text"`       // folder of the run whose tower of texts reads captions
	Depth      int     `toml:"depth"`      // blocks that attend to the caption
	Heads      int     `toml:"heads"`      // of their attention
	Smoothing  float64 `toml:"smoothing"`  // of labels
	Drop       float64 `toml:"drop"`       // share of the captions that training does not show
	Guidance   float64 `toml:"guidance"`   // at the last step of drawing; 0: none
	Iterations int     `toml:"iterations"` // steps in which an image is drawn
	Choice     float64 `toml:"choice"`     // deviation of noise on what is sure in the first of them; 0 in the last

	tokens tokens
	reader methods.Lent
}

// DefaultMuse has the paper's share of dropped captions and its 24 steps, and MaskGIT's smoothing and choice. The scale
// of the guidance is not in the paper's text.
func DefaultMuse() *Muse {
	return &Muse{Depth: 2, Heads: 8, Smoothing: 0.1, Drop: 0.1, Guidance: 3, Iterations: 24, Choice: 4.5}
}

// Validate implements methods.Method.
func (m *Muse) Validate() error {
	if !(m.Smoothing >= 0 && m.Smoothing < 1) {
		return setting.Bad("smoothing", "%v: want a share from 0 up to, not with, 1", m.Smoothing)
	}
	if !(m.Drop >= 0 && m.Drop < 1) {
		return setting.Bad("drop", "%v: want a share from 0 up to, not with, 1", m.Drop)
	}
	if m.Drop == 0 && m.Guidance > 0 {
		return setting.Bad("guidance", "%v: it wants tokens that are told without a caption, and drop = 0 trains "+
			"none; want 0, or drop = 0.1", m.Guidance)
	}
	return cmp.Or(setting.Least("vocabulary", m.Vocabulary, 0), setting.Least("depth", m.Depth, 1),
		setting.Least("heads", m.Heads, 1), setting.Weight("guidance", m.Guidance),
		setting.Least("iterations", m.Iterations, 1), setting.Weight("choice", m.Choice))
}

// readerScope is where the run is whose tower of texts reads captions.
const readerScope = "reader"

// Loans implements methods.Borrower.
func (m *Muse) Loans() []methods.Loan {
	return []methods.Loan{{Key: "tokenizer", From: m.Tokenizer, Scope: tokenizerScope},
		{Key: "text", From: m.Text, Scope: readerScope, Words: true}}
}

// Lend implements methods.Borrower.
func (m *Muse) Lend(key string, l methods.Lent) error {
	if key == "tokenizer" {
		return m.tokens.take(l, m.Vocabulary)
	}
	r, ok := l.Method.(methods.Reading)
	if !ok || l.Caption.Shape == nil {
		return fmt.Errorf("is the run of a method without a tower of texts (%T); want one of [method.clip]", l.Method)
	}
	if tower, _ := r.TextTower(); !readable(tower) {
		return fmt.Errorf("has a tower of texts that makes nothing of single words (%T); want "+
			"[method.clip.text.transformer]", tower)
	}
	m.reader = l
	return nil
}

func readable(tower backbones.Backbone) bool {
	_, ok := tower.(*backbones.Transformer)
	return ok
}

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *Muse) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	ids := m.tokens.tell(s, b, x, e.Rows, e.Columns)
	hidden := methods.HiddenPatches(b, &masks.Cosine{}, e)
	var told *graph.Node
	if m.Drop > 0 {
		told = s.Random("told").Bernoulli(1-m.Drop, b.Size(), 1, 1)
	}
	features, logits := m.network(s, e, b)(ids, hidden, told)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "tokens", Weight: 1, Value: smoothedLoss(logits, ids,
			s.AllRows(hidden), m.Smoothing)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}
