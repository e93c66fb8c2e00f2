package tabular

import (
	"cmp"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VIMESemi learns from few labels: what a predictor says of a row is not to change where entries are corrupted.
//
//	loss = mean over labelled CE(f(x), y) + beta consistency
//
// Yoon et al., NeurIPS 2020, VIME, eq. 7 to 10, on an encoder that vime has trained ([init] from). Consistency is the
// mean over copies, rows and classes of (f(corrupted) - f(x))^2 of the logits (clean, eq. 9), or their biased variance
// over the copies of a row (variance, as in the authors' code). It is of all rows of a batch, with and without a
// label.
type VIMESemi struct {
	Corrupt     float64 `toml:"corrupt"`     // probability of an entry
	Copies      int     `toml:"copies"`      // corrupted ones of each row
	Beta        float64 `toml:"beta"`        // weight of the consistency
	Consistency string  `toml:"consistency"` // with the row as it is, clean, or between its copies, variance
	Hidden      []int   `toml:"hidden"`      // widths of the predictor's layers before its last
	// true: the encoder stays as it began and the predictor alone learns, as in the paper; what is evaluated as the
	// encoder then stays as well
	Frozen bool `toml:"frozen"`
}

// DefaultVIMESemi has the settings of the authors' code, with an encoder that goes on learning.
func DefaultVIMESemi() *VIMESemi {
	return &VIMESemi{Corrupt: 0.3, Copies: 3, Beta: 1, Consistency: "variance", Hidden: []int{100, 100}}
}

// LearnsFromFewLabels implements methods.PartlyTaught.
func (m *VIMESemi) LearnsFromFewLabels() {}

// Validate implements methods.Method.
func (m *VIMESemi) Validate() error {
	if m.Consistency != "clean" && m.Consistency != "variance" {
		return setting.Bad("consistency", "%q: want \"clean\" or \"variance\"", m.Consistency)
	}
	least := 1
	if m.Consistency == "variance" {
		least = 2
	}
	return cmp.Or(checkShare("corrupt", m.Corrupt), setting.Least("copies", m.Copies, least),
		setting.Weight("beta", m.Beta), heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method.
func (m *VIMESemi) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, labels := tableOf(b), b.View(0), b.Labels()
	at := s
	if m.Frozen {
		at = s.Locked()
	}
	h := enc.New(at)
	predict := heads.Plain(s.In("predictor"), enc.Dim, then(m.Hidden, b.NeedClasses())...)
	all, random := []*graph.Node{x}, s.Random("corrupt")
	for k := range m.Copies {
		mask := random.Bernoulli(m.Corrupt, b.Size(), len(t.of))
		all = append(all, Replace(x, b.Field(feed.Marginal(k)), t.spread(mask)))
	}
	features := h(op.Concat(0, all...)) // [(1+copies)B,F]
	logits := predict(features)
	clean := op.Slice(logits, 0, 0, b.Size())                                                          // [B,C]
	copies := op.Reshape(op.Slice(logits, 0, b.Size(), (1+m.Copies)*b.Size()), m.Copies, b.Size(), -1) // [copies,B,C]
	consistency := losses.MSE(copies, op.Reshape(clean, 1, b.Size(), -1))
	if m.Consistency == "variance" {
		consistency = varianceOver(copies)
	}
	return methods.Objective{
		Features: op.Slice(features, 0, 0, b.Size()),
		Terms: []methods.Term{{Name: "cross_entropy", Weight: 1, Value: labelled(clean, labels)},
			{Name: "consistency", Weight: m.Beta, Value: consistency}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(clean, labels)}},
	}
}

// labelled is the mean cross-entropy of logits [B,C] in nats over the rows that have a label.
func labelled(logits, labels *graph.Node) *graph.Node {
	return op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, labels, 0)), labels)
}

// varianceOver is the mean over the other axes of the biased variance along axis 0.
func varianceOver(x *graph.Node) *graph.Node {
	return op.MeanAll(op.Square(op.Sub(x, op.Mean(x, true, 0))))
}
