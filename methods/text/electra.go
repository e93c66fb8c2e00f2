package text

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ELECTRA tells which symbols of a text a small generator has put in place of others. The encoder is the
// discriminator.
//
// Clark et al. 2020, arXiv:2003.10555, section 2: both learn at once, the generator by guessing hidden symbols, and no
// gradient flows from the discriminator into it. Embeddings of symbols and places are shared; all hidden symbols are
// behind the mask, and a proposal that is right counts as not replaced.
type ELECTRA struct {
	Generator
	Weight float64 `toml:"weight"` // of the discriminator's loss
}

// DefaultELECTRA has the paper's weights, and a generator a quarter as wide as a small encoder.
func DefaultELECTRA() *ELECTRA {
	return &ELECTRA{Generator: Generator{Ratio: 0.15, Width: 64, Depth: 2, Heads: 1, Weight: 1}, Weight: 50}
}

// Validate implements methods.Method.
func (m *ELECTRA) Validate() error {
	if !(m.Weight > 0) {
		return setting.Bad("weight", "%v: want a number above 0, such as 50", m.Weight)
	}
	return m.Generator.Validate()
}

// Build implements methods.Method.
func (m *ELECTRA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	p := m.propose(s.In(proposer), e, b, b.View(0))
	y := e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(p.IDs)), p.There) // [B,T,D]
	loss, accuracy := Detected(detector(s, y), op.Affine(p.Same, -1, 1), s.AllRows(p.There))
	features := e.Symbols.Pool(y, p.There)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "generator", Weight: m.Generator.Weight, Value: p.Loss},
			{Name: "detected", Weight: m.Weight, Value: loss}},
		Metrics: []methods.Metric{{Name: "generator_accuracy", Value: p.Accuracy}, {Name: "accuracy", Value: accuracy},
			{Name: "replaced", Value: losses.MeanOver(op.Affine(p.Same, -1, 1), p.There)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// detector is a logit for each token of y [B,T,D] being replaced, [B,T]: a linear layer, GELU and a linear layer.
func detector(s *graph.Scope, y *graph.Node) *graph.Node {
	n := op.ShapeOf(y)
	d := n[2]
	at := layer.Chain(layer.Dense(s.In("detector/dense"), d, d), op.Gelu, layer.Dense(s.In("detector/out"), d, 1))
	return op.Reshape(at(op.Reshape(y, -1, d)), n[0], n[1])
}
