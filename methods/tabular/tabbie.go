package tabular

import (
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// TABBIE tells of every entry of a row whether it was put there in place of the row's own, from the entry's token
// alone.
//
//	loss = mean over entries BCE(w . token + b, corrupted)
//
// Iida, Thai, Manjunatha, Iyyer, NAACL 2021, arXiv:2105.02584, section 2: ELECTRA's objective for tables. Entries are
// corrupted by values of their column in other rows (the paper's frequency-based sampling, which leaves out its swaps
// of cells within a table: columns here have types). The paper's encoder reads a table's rows and its columns with a
// transformer each and takes the mean after every layer: backbone saint with style = "mean"; any backbone with tokens
// of columns will do. An entry that got its own value is not corrupted.
type TABBIE struct {
	Corrupt float64 `toml:"corrupt"` // probability of an entry
}

// DefaultTABBIE has the paper's share.
func DefaultTABBIE() *TABBIE { return &TABBIE{Corrupt: 0.15} }

// Validate implements methods.Method.
func (m *TABBIE) Validate() error { return checkShare("corrupt", m.Corrupt) }

// Build implements methods.Method.
func (m *TABBIE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, e := tableOf(b), b.View(0), columnsOf(s, enc, b)
	mask := s.Random("corrupt").Bernoulli(m.Corrupt, b.Size(), len(t.of))
	corrupted := Replace(x, b.Field(feed.Marginal(0)), t.spread(mask))
	y := e.Encode(e.Embed(corrupted))                          // [B,1+K,D]
	tokens := op.Reshape(e.Rest(y), b.Size()*len(t.of), e.Dim) // [B*K,D]
	guess := op.Reshape(layer.Linear(s.In("told"), e.Dim, 1, true)(tokens), b.Size(), len(t.of))
	changed := t.differ(corrupted, x)
	right := op.Equal(op.Less(s.Constant(0), guess), changed)
	return methods.Objective{
		Features: e.Pool(y),
		Terms:    []methods.Term{{Name: "told", Weight: 1, Value: maskLoss(guess, changed)}},
		Metrics:  []methods.Metric{{Name: "told_accuracy", Value: op.MeanAll(right)}},
	}
}
