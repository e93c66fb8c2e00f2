package text

import (
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// COCOLM corrects a text in which a small generator has put symbols in place of others: it tells which to copy, and
// what was where they are wrong. Its view of a text, so spoilt, and a piece of the text as it is recognise each other.
//
// Meng et al. 2021, arXiv:2102.08473, section 3: the corrective term is eq. 5 with the copy probability's gradient
// stopped in it, beside the binary loss of the copy probability over all symbols; the sequences' contrast is eq. 3. A
// sequence is the mean of its tokens here, a class symbol's in the paper.
type COCOLM struct {
	Generator
	Copy        float64 `toml:"copy"`        // weight of the loss of what to copy
	Correct     float64 `toml:"correct"`     // weight of the corrective term
	Contrast    float64 `toml:"contrast"`    // weight of the contrast of sequences; 0: none
	Temperature float64 `toml:"temperature"` // of it, of cosines
	Crop        float64 `toml:"crop"`        // share of a text that its piece has
}

// DefaultCOCOLM has the paper's weights and temperature, and ELECTRA's small generator.
func DefaultCOCOLM() *COCOLM {
	return &COCOLM{Generator: DefaultELECTRA().Generator, Copy: 50, Correct: 1, Contrast: 1, Temperature: 1, Crop: 0.9}
}

// Validate implements methods.Method.
func (m *COCOLM) Validate() error {
	switch {
	case !(m.Copy >= 0):
		return setting.Bad("copy", "%v: want a weight of at least 0", m.Copy)
	case !(m.Correct > 0):
		return setting.Bad("correct", "%v: want a weight above 0", m.Correct)
	case !(m.Contrast >= 0):
		return setting.Bad("contrast", "%v: want a weight of at least 0", m.Contrast)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	case !(m.Crop > 0 && m.Crop <= 1):
		return setting.Bad("crop", "%v: want a share above 0 and at most 1", m.Crop)
	}
	return m.Generator.Validate()
}

// Build implements methods.Method.
func (m *COCOLM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	ids := b.View(0)
	p := m.propose(s.In(proposer), e, b, ids)
	y := e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(p.IDs)), p.There) // [B,T,D]
	copied := detector(s, y)                                               // [B,T], the logit of copying
	copying, accuracy := Detected(copied, p.Same, s.AllRows(p.There))

	flat := func(x *graph.Node) *graph.Node { return p.pick(op.Reshape(x, -1)) } // [K] where symbols were hidden
	logits := heads.Tied(s.In("head"), e.Symbols.Table, 0)(p.pick(op.Reshape(y, -1, e.Dim)))
	nats := Corrected(op.CrossEntropy(logits, flat(ids), 0), flat(copied), flat(p.Same))
	features := e.Symbols.Pool(y, p.There)
	o := methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "generator", Weight: m.Generator.Weight, Value: p.Loss},
			{Name: "copied", Weight: m.Copy, Value: copying},
			{Name: "corrected", Weight: m.Correct, Value: losses.MeanOver(nats, s.AllRows(flat(p.Selected)))}},
		Metrics: []methods.Metric{{Name: "generator_accuracy", Value: p.Accuracy},
			{Name: "accuracy", Value: accuracy}, {Name: "spread", Value: losses.Spread(features)}},
	}
	if m.Contrast > 0 {
		piece := b.Edit(&edits.Crop{Share: m.Crop}, "view0")[0]
		there := e.Symbols.There(piece)
		own := e.Symbols.Pool(e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(piece)), there), there)
		o.Terms = append(o.Terms, methods.Term{Name: "contrast", Weight: m.Contrast,
			Value: losses.NTXent(s, op.Concat(0, features, own), m.Temperature)})
	}
	return o
}

// Corrected is -log of the probability of the right symbol, [K]: that it is told, of which nats [K] is -log, where it
// is not copied, and of copying where what is there is right: same [K] of 0 and 1. copied [K] is the logit of copying,
// in which no gradient flows.
//
// COCO-LM, eq. 5: log(same c + (1-c) p) = log p + log(1-c) + same log(1 + c/((1-c) p)), with c/(1-c) = e^logit.
func Corrected(nats, copied, same *graph.Node) *graph.Node {
	logit := op.StopGradient(copied)
	more := op.Mul(op.Softplus(op.Add(logit, nats)), same)
	return op.Sub(op.Add(nats, op.Softplus(logit)), more)
}
