package main

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// Alike pulls the embeddings of an image's two views together, and those of different images to right angles.
type Alike struct {
	Projector []int `toml:"projector"` // widths; the last is D
}

// Validate implements methods.Method.
func (m *Alike) Validate() error { return heads.CheckWidths("projector", m.Projector) }

// Build implements methods.Method.
func (m *Alike) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, encode := b.Views(2), enc.New(s)
	project := heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	ha, hb := encode(x[0]), encode(x[1])                                                   // [B,F]
	za, zb := op.Normalize(project(ha), losses.Eps), op.Normalize(project(hb), losses.Eps) // [B,D]
	apart := op.MeanAll(op.Square(op.Gram(s.AllRows(za))))                                 // of [B,B] cosines
	return methods.Objective{
		Features: ha,
		Terms: []methods.Term{{Name: "alike", Weight: 1, Value: losses.MSE(za, zb)},
			{Name: "apart", Weight: 1, Value: apart}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(za)}},
	}
}
