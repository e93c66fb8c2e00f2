package text

import (
	"selfsup/datasets/edits"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DeCLUTR has spans of a text recognise those near them, among spans of all texts of the batch, while hidden symbols
// of the anchors are guessed.
//
// Giorgi et al. 2021, arXiv:2006.03659, section 3: the positives of an anchor are averaged, and the loss is NT-Xent
// over anchors and averages beside masked language modelling, with weight 1. windows.length is the text that spans are
// cut from: twice as many symbols as all anchors have keep the spans of the paper's lengths.
type DeCLUTR struct {
	MLM
	Anchors     int     `toml:"anchors"`     // spans of a text
	Positives   int     `toml:"positives"`   // of each
	Least       int     `toml:"least"`       // symbols of a span
	Most        int     `toml:"most"`        // symbols of a span, at most
	Strategy    string  `toml:"strategy"`    // of positives: any | subsuming: within their anchors | adjacent: next
	Temperature float64 `toml:"temperature"` // of cosines
	Guess       float64 `toml:"guess"`       // weight of guessing hidden symbols; 0: none are hidden
}

// DefaultDeCLUTR has the paper's two anchors with two positives each and its temperature; its spans have 32 to 512
// symbols.
func DefaultDeCLUTR() *DeCLUTR {
	return &DeCLUTR{MLM: *DefaultMLM(), Anchors: 2, Positives: 2, Least: 8, Most: 32, Strategy: "any",
		Temperature: 0.05, Guess: 1}
}

// Validate implements methods.Method.
func (m *DeCLUTR) Validate() error {
	switch {
	case m.Anchors < 1:
		return setting.Bad("anchors", "%d: want at least 1", m.Anchors)
	case m.Positives < 1:
		return setting.Bad("positives", "%d: want at least 1", m.Positives)
	case m.Least < 1:
		return setting.Bad("least", "%d: want at least 1 symbol", m.Least)
	case m.Most < m.Least:
		return setting.Bad("most", "%d: want at least least = %d", m.Most, m.Least)
	case m.Strategy != "any" && m.Strategy != "subsuming" && m.Strategy != "adjacent":
		return setting.Bad("strategy", "%q: want \"any\", \"subsuming\" or \"adjacent\"", m.Strategy)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0, such as 0.05", m.Temperature)
	case !(m.Guess >= 0):
		return setting.Bad("guess", "%v: want a weight of at least 0", m.Guess)
	}
	return m.MLM.Validate()
}

// Build implements methods.Method.
func (m *DeCLUTR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e := needBoth(s, enc, b)
	strategy := m.Strategy
	if strategy == "any" {
		strategy = ""
	}
	made := b.Edit(&edits.Contrast{Anchors: m.Anchors, Positives: m.Positives, Least: m.Least, Most: m.Most,
		Strategy: strategy}, "view0")
	n := b.Size() * m.Anchors
	anchors, positives := op.Reshape(made[0], n, m.Most), op.Reshape(made[1], n*m.Positives, m.Most)

	there := e.Symbols.There(anchors)
	x, o := e.Symbols.Look(anchors), hidden{}
	if m.Guess > 0 {
		o = m.hide(b, anchors, m.Anchors, there)
		x = o.see(s, e, b, x)
	}
	y := e.Symbols.Encode(e.Symbols.Place(x), there) // [B*A,L,D]
	a := e.Symbols.Pool(y, there)                    // [B*A,D]
	near := e.Symbols.There(positives)
	p := e.Symbols.Pool(e.Symbols.Encode(e.Symbols.Place(e.Symbols.Look(positives)), near), near)
	loss := losses.NTXent(s, op.Concat(0, a, Averaged(p, m.Positives)), m.Temperature)
	out := methods.Objective{Terms: []methods.Term{{Name: "contrast", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(a)}}}
	if m.Guess > 0 {
		guessed, accuracy := o.guess(s, e, y)
		out.Terms = append(out.Terms, methods.Term{Name: "mlm", Weight: m.Guess, Value: guessed})
		out.Metrics = append(out.Metrics, methods.Metric{Name: "accuracy", Value: accuracy})
	}
	return out
}

// Averaged is the mean of so many rows each, those of an anchor together: [N*P,D] -> [N,D].
func Averaged(x *graph.Node, each int) *graph.Node {
	n := op.ShapeOf(x)
	return op.Mean(op.Reshape(x, n[0]/each, each, n[1]), false, 1)
}
