package tabular

import (
	"cmp"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// TargetAware pretrains with the labels of all rows beside what a row says of itself, the comparison that
// self-supervised methods for tables are held against.
//
//	loss = objective(x~, y) + supervised CE(classify(h(x)), y)
//
// Rubachev, Alekberov, Gorishniy, Babenko 2022, arXiv:2207.03208, sections 3 and 4: the objective tells, from the
// features of a corrupted row, the row (restore) or which columns were corrupted (mask), and is made aware of the
// label by a supervised loss, or by a decoder that sees the label beside the features (condition). Their corruption
// draws a column's value from the training rows, as here. Sampling by the label what corrupts is left out, and so is
// the fine-tuning after it, which [evaluate.finetune] is for.
type TargetAware struct {
	Objective  string  `toml:"objective"`  // restore: the row | mask: which columns were corrupted
	Corrupt    float64 `toml:"corrupt"`    // share of a row's columns
	Supervised float64 `toml:"supervised"` // weight of the labels' cross-entropy on rows as they are; 0: none
	Condition  bool    `toml:"condition"`  // the decoder sees the label
	Hidden     []int   `toml:"hidden"`     // widths of the decoder's layers before its last
}

// DefaultTargetAware tells the row, beside the label.
func DefaultTargetAware() *TargetAware {
	return &TargetAware{Objective: "restore", Corrupt: 0.3, Supervised: 1, Hidden: []int{256}}
}

// LearnsFromLabels implements methods.Taught.
func (m *TargetAware) LearnsFromLabels() {}

// Validate implements methods.Method.
func (m *TargetAware) Validate() error {
	if m.Objective != "restore" && m.Objective != "mask" {
		return setting.Bad("objective", "%q: want \"restore\" or \"mask\"", m.Objective)
	}
	if m.Supervised == 0 && !m.Condition {
		return setting.Bad("supervised", "0 without condition: the labels have no part in it; want a weight above "+
			"0, or condition = true")
	}
	return cmp.Or(checkShare("corrupt", m.Corrupt), setting.Weight("supervised", m.Supervised),
		heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method.
func (m *TargetAware) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, labels, n := tableOf(b), b.View(0), b.Labels(), b.Size()
	chosen := t.choose(b, "corrupt", m.Corrupt)
	corrupted := Replace(x, b.Field(feed.Marginal(0)), t.spread(chosen))
	h := enc.New(s)(op.Concat(0, x, corrupted)) // [2B,F]
	clean, seen, width := op.Slice(h, 0, 0, n), op.Slice(h, 0, n, 2*n), enc.Dim
	if m.Condition {
		classes := b.NeedClasses()
		seen, width = op.Concat(1, seen, losses.OneHot(s, labels, classes)), width+classes
	}
	o := methods.Objective{Features: clean}
	if m.Objective == "restore" {
		told := t.head(s.In("decoder"), width, m.Hidden)(seen)
		o.Terms = []methods.Term{{Name: "entries", Weight: 1, Value: op.MeanAll(t.errors(s, told, x))}}
	} else {
		guess := heads.Plain(s.In("decoder"), width, then(m.Hidden, len(t.of))...)(seen)
		o.Terms = []methods.Term{{Name: "mask", Weight: 1, Value: maskLoss(guess, t.differ(corrupted, x))}}
	}
	if m.Supervised > 0 {
		logits := layer.Linear(s.In("classifier"), enc.Dim, b.NeedClasses(), true)(clean)
		o.Terms = append(o.Terms, methods.Term{Name: "cross_entropy", Weight: m.Supervised,
			Value: labelled(logits, labels)})
		o.Metrics = []methods.Metric{{Name: "accuracy", Value: op.Accuracy(logits, labels)}}
	}
	return o
}
