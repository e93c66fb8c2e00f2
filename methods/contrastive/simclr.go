// Package contrastive holds methods that tell samples apart: section 2.2 of the Cookbook (arXiv:2304.12210).
package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SimCLR makes the two views of an image recognise each other among all other views of the batch.
//
// Chen, Kornblith, Norouzi, Hinton, ICML 2020, arXiv:2002.05709, Alg. 1. Both views go through the encoder as one
// batch, as in the authors' code, so batch norm sees them together. Of crops of several sizes each large one is paired
// with every other view, as SwAV pairs them, and each size is a batch.
type SimCLR struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Comparing
}

// DefaultSimCLR has the paper's settings for ImageNet.
func DefaultSimCLR() *SimCLR { return &SimCLR{Projector: []int{2048, 128}, Temperature: 0.1} }

// Validate implements methods.Method.
func (m *SimCLR) Validate() error {
	if !(m.Temperature > 0) {
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	}
	return errors.Join(m.check(m.Projector), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *SimCLR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode := enc.New(s)
	project := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	var h, z []*graph.Node // a batch for each size of view
	for _, x := range b.Crops() {
		hs, zs := m.embed(encode, project, x) // [2B,F], [2B,D]
		h, z = append(h, hs), append(z, zs)
	}
	loss := m.pairs(s, z, m.keys(s, enc, m.Projector, h), b.Size(), m.Temperature)
	return methods.Objective{
		Features: op.Slice(h[0], 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "ntxent", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
		Alarms: []methods.Alarm{methods.Guessing("ntxent", 2*b.Size()-1, "lower the temperature or the learning rate "+
			"(sections 2.2 and 3.5)")},
	}
}
