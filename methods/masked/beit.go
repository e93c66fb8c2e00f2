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

// BEiT puts a mask token in place of blocks of patches, and has one linear layer tell the tokens that a trained
// tokenizer gives there.
//
//	loss = mean over hidden patches of the batch of cross-entropy(logits, token)
//
// Bao et al., ICLR 2022, arXiv:2106.08254, section 2. The tokenizer is another run: of [method.dvae] as in the paper
// (whose own is DALL-E's), of [method.vqvae], or of [method.vqkd], which makes it BEiT v2 (Peng et al. 2022,
// arXiv:2208.06366) without its patch aggregation. It sees the view that the encoder sees, in the paper one of half the
// side with cells of half the patches'.
type BEiT struct {
	Tokenizer  string  `toml:"tokenizer"`  // folder of the run
	Vocabulary int     `toml:"vocabulary"` // tokens that it must have; 0: any
	Mask       float64 `toml:"mask"`       // fraction of the patches that is hidden, at most
	Smallest   int     `toml:"smallest"`   // patches of a block

	tokens tokens
}

// DefaultBEiT has the paper's masks.
func DefaultBEiT() *BEiT { return &BEiT{Mask: 0.4, Smallest: 16} }

// Validate implements methods.Method.
func (m *BEiT) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return cmp.Or(setting.Least("smallest", m.Smallest, 1), setting.Least("vocabulary", m.Vocabulary, 0))
}

// Loans implements methods.Borrower.
func (m *BEiT) Loans() []methods.Loan {
	return []methods.Loan{{Key: "tokenizer", From: m.Tokenizer, Scope: tokenizerScope}}
}

// Lend implements methods.Borrower.
func (m *BEiT) Lend(_ string, l methods.Lent) error { return m.tokens.take(l, m.Vocabulary) }

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *BEiT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	ids := m.tokens.tell(s, b, x, e.Rows, e.Columns)
	hidden := methods.HiddenPatches(b, &masks.Block{Ratio: m.Mask, Smallest: m.Smallest, Aspect: 0.3}, e)
	y := e.Encode(e.Hiding(x, hidden, methods.MaskToken(s, e.Dim)))
	logits := layer.Dense(s.In("tell"), e.Dim, m.tokens.of.Size())(e.Last(y, e.Rows*e.Columns))
	features := e.Pool(y)
	loss, right := m.loss(logits, ids, hidden)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "tokens", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "right", Value: right}},
	}
}

// loss is the mean over hidden patches [B,T] of the cross-entropy of logits [B,T,K] and tokens [B,T], and the share of
// hidden patches whose token is the likeliest.
func (m *BEiT) loss(logits, ids, hidden *graph.Node) (loss, right *graph.Node) {
	n, t := op.ShapeOf(hidden)[0], op.ShapeOf(hidden)[1]
	rows, flat := op.Reshape(logits, n*t, -1), op.Reshape(ids, n*t)
	each := op.Reshape(op.CrossEntropy(rows, flat, 0), n, t)
	same := op.Reshape(op.EqualInts(op.Argmax(op.StopGradient(rows)), flat, op.TypeOf(logits).DType), n, t)
	return losses.MeanOver(each, hidden), losses.MeanOver(same, hidden)
}
