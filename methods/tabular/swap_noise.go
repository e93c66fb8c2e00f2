package tabular

import (
	"cmp"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// SwapNoise is a denoising autoencoder of rows: it tells a row from the features of what is left of it after a part of
// its entries has been swapped for those of other rows.
//
//	loss = mean over entries of w error(told, x),  w = 1 where an entry was swapped, intact elsewhere, over the mean w
//
// Vincent, Larochelle, Bengio, Manzagol, ICML 2008, whose noise sets entries to 0; a value of another row leaves the
// column's distribution as it is (swap noise, Jahrer's entry to Kaggle's Porto Seguro competition, 2017, where 15 %
// are swapped). Squared differences for numbers, cross-entropy for categories. Features are the encoder's alone, where
// that entry had all hidden layers.
type SwapNoise struct {
	Swap   float64 `toml:"swap"`   // probability of an entry
	Intact float64 `toml:"intact"` // weight of entries that were not swapped
	Hidden []int   `toml:"hidden"` // widths of the decoder's layers before its last; [] is none
}

// DefaultSwapNoise has the share of that entry.
func DefaultSwapNoise() *SwapNoise { return &SwapNoise{Swap: 0.15, Intact: 1, Hidden: []int{256}} }

// Validate implements methods.Method.
func (m *SwapNoise) Validate() error {
	return cmp.Or(checkShare("swap", m.Swap), setting.Weight("intact", m.Intact),
		heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method.
func (m *SwapNoise) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x := tableOf(b), b.View(0) // [B,K+M]
	swapped := s.Random("swap").Bernoulli(m.Swap, b.Size(), len(t.of))
	h := enc.New(s)(Replace(x, b.Field(feed.Marginal(0)), t.spread(swapped))) // [B,F]
	errors := t.errors(s, t.head(s.In("decoder"), enc.Dim, m.Hidden)(h), x)
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "entries", Weight: 1, Value: emphasised(errors, s.AllRows(swapped), m.Intact)}},
	}
}

// emphasised is the weighted mean of errors [B,K]: those chosen count once, the others intact times.
func emphasised(errors, chosen *graph.Node, intact float64) *graph.Node {
	if intact == 1 {
		return op.MeanAll(errors)
	}
	weight := op.Affine(chosen, 1-intact, intact)
	return op.Div(op.SumAll(op.Mul(errors, weight)), op.Shift(op.SumAll(weight), 1e-6)) // chance may choose none
}
