package masked

import (
	"cmp"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MaskGIT hides any share of the patches, from nearly none to all, and tells the tokens that a trained tokenizer gives
// there; so it can make images from nothing, in a few steps, in each of which the tokens that it is surest of stay.
//
//	loss = mean over hidden patches of the batch of cross-entropy(logits, smoothed token)
//
// Chang et al., CVPR 2022, arXiv:2202.04200, sections 3.1 and 3.2. The tokenizer is a run of [method.dvae] or
// [method.vqvae]. The authors' transformer reads tokens; here the backbone, which is evaluated, reads the patches of
// the image, and of the image that the tokenizer paints of what is known where it makes one: there, a patch also shows
// what is painted of neighbours that are not known. Pictures are made in every step of the training.
type MaskGIT struct {
	Tokenizer  string  `toml:"tokenizer"`  // folder of the run
	Vocabulary int     `toml:"vocabulary"` // tokens that it must have; 0: any
	Smoothing  float64 `toml:"smoothing"`  // of labels
	Shown      int     `toml:"shown"`      // pictures that are made in every step; 0: none
	Iterations int     `toml:"iterations"` // steps in which one is made
	Choice     float64 `toml:"choice"`     // deviation of noise on what is sure in the first of them; 0 in the last

	tokens tokens
}

// DefaultMaskGIT has the paper's values.
func DefaultMaskGIT() *MaskGIT { return &MaskGIT{Smoothing: 0.1, Shown: 8, Iterations: 8, Choice: 4.5} }

// Validate implements methods.Method.
func (m *MaskGIT) Validate() error {
	if !(m.Smoothing >= 0 && m.Smoothing < 1) {
		return setting.Bad("smoothing", "%v: want a share from 0 up to, not with, 1", m.Smoothing)
	}
	return cmp.Or(setting.Least("vocabulary", m.Vocabulary, 0), setting.Least("shown", m.Shown, 0),
		setting.Least("iterations", m.Iterations, 1), setting.Weight("choice", m.Choice))
}

// Loans implements methods.Borrower.
func (m *MaskGIT) Loans() []methods.Loan {
	return []methods.Loan{{Key: "tokenizer", From: m.Tokenizer, Scope: tokenizerScope}}
}

// Lend implements methods.Borrower.
func (m *MaskGIT) Lend(_ string, l methods.Lent) error { return m.tokens.take(l, m.Vocabulary) }

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *MaskGIT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	ids := m.tokens.tell(s, b, x, e.Rows, e.Columns)
	hidden := methods.HiddenPatches(b, &masks.Cosine{}, e)
	token := methods.MaskToken(s, e.Dim)
	tell := layer.Dense(s.In("tell"), e.Dim, m.tokens.of.Size())
	n := e.Rows * e.Columns
	name := func(x, hidden *graph.Node) (y, logits *graph.Node) {
		y = e.Encode(e.Hiding(x, hidden, token))
		return y, tell(e.Last(y, n))
	}
	y, logits := name(x, hidden)
	features := e.Pool(y)
	o := methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "tokens", Weight: 1, Value: smoothedLoss(logits, ids,
			s.AllRows(hidden), m.Smoothing)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
	if m.Shown > 0 {
		logitsOf := func(x, hidden *graph.Node) *graph.Node {
			_, logits := name(x, hidden)
			return op.StopGradient(logits)
		}
		o.Pictures = []methods.Picture{{Name: "made", Value: m.make(s, b, op.ShapeOf(x)[1:], e.Rows, e.Columns,
			logitsOf)}}
	}
	return o
}

// smoothedLoss is the mean over hidden patches [B,T] of the cross-entropy of logits [B,T,K] and tokens [B,T] smoothed.
func smoothedLoss(logits, ids, hidden *graph.Node, smoothing float64) *graph.Node {
	each := smoothedEach(logits, ids, smoothing)
	return op.Div(op.SumAll(op.Mul(each, hidden)), op.Shift(op.SumAll(hidden), 1e-8))
}

func smoothedEach(logits, ids *graph.Node, smoothing float64) *graph.Node {
	at := op.ShapeOf(ids)
	return op.Reshape(op.CrossEntropy(rowsOf(logits), op.Reshape(ids, at.Size()), smoothing), at...)
}
