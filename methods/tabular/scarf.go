// Package tabular holds methods for rows of tables: section 4.1 of the Cookbook (arXiv:2304.12210) names their kind.
package tabular

import (
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SCARF makes a row recognise itself, among the batch, after a part of its columns has been drawn anew from other
// rows.
//
// Bahri, Jiang, Tay, Metzler, ICLR 2022, arXiv:2106.15147, Alg. 1: every row has floor(Corrupt M) of its M columns
// replaced, each by the column's value in a training row of its own (the empirical marginal distribution), and the
// loss is InfoNCE of the rows over their corrupted copies. There is no code of the authors'; pytorch-scarf corrupts 1
// - Corrupt of the columns, from uniform ranges, with a loss of both directions. Here both copies go through the
// encoder as one batch, and the loss leaves out the constant -log B of the paper's.
type SCARF struct {
	Corrupt     float64 `toml:"corrupt"`     // share of a row's columns
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultSCARF has the paper's settings (section 4).
func DefaultSCARF() *SCARF { return &SCARF{Corrupt: 0.6, Projector: []int{256, 256}, Temperature: 1} }

// Validate implements methods.Method.
func (m *SCARF) Validate() error {
	if !(m.Corrupt > 0 && m.Corrupt <= 1) {
		return setting.Bad("corrupt", "%v: want a share of the columns above 0 and at most 1", m.Corrupt)
	}
	if !(m.Temperature > 0) {
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	}
	return heads.CheckWidths("projector", m.Projector)
}

// Build implements methods.Method.
func (m *SCARF) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := tableOf(b)
	x := b.View(0)
	corrupted := Replace(x, b.Field(feed.Marginal(0)), t.spread(t.choose(b, "corrupt", m.Corrupt)))
	encode := enc.New(s)
	h := encode(op.Concat(0, x, corrupted)) // [2B,F]
	z := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h)
	anchor, positive := op.Slice(z, 0, 0, b.Size()), op.Slice(z, 0, b.Size(), 2*b.Size()) // [B,D]
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms: []methods.Term{{Name: "infonce", Weight: 1, Value: losses.InfoNCE(s, anchor, positive, nil,
			m.Temperature)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
	}
}
