package correlation

import (
	"errors"
	"slices"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// OracleViews trains another method on views that a supervised network recognises: of several candidates for each view
// the first whose class the network names, and the last where it names none.
//
//	x_v = c_v,k,  k = min { k : argmax f(c_v,k) = y or k = K },  f minimises the cross-entropy of c_v,1
//
// Balestriero et al. 2023, arXiv:2304.12210, section 3.2, table 2: how much a method loses by views that do not show
// what they are of, with a projector and without. There the oracle is trained before; here it learns beside the method,
// on views of its own, and [init] with scope = "oracle/backbone" gives it trained weights. Candidates are drawn from
// one distribution: the first has what the views' settings have first, all others what they have last.
type OracleViews struct {
	Base       overlay.Choice[methods.Method] `toml:"base" overlay:"of=method"` // that is trained on the views
	Candidates int                            `toml:"candidates"`               // K, for each of two views
}

// DefaultOracleViews has four candidates for the views of VICReg.
func DefaultOracleViews() *OracleViews {
	base := overlay.Choice[methods.Method]{Name: "vicreg", Value: DefaultVICReg()}
	return &OracleViews{Base: base, Candidates: 4}
}

// Validate implements methods.Method.
func (m *OracleViews) Validate() error {
	err := setting.Least("candidates", m.Candidates, 2)
	if m.Base.Value != nil && methods.UsesLabels(m.Base.Value) { // an oracle too
		err = errors.Join(err, setting.Bad("base", "%s: want a method that learns from two views without labels",
			m.Base.Name))
	}
	return err
}

// LearnsFromLabels implements methods.Taught.
func (m *OracleViews) LearnsFromLabels() {}

// Build implements methods.Method.
func (m *OracleViews) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	b.NeedClasses()
	if crops := b.Crops(); len(crops) != 1 || len(crops[0]) != 2 {
		op.Fail("", "the oracle chooses among views of one size; want no views.crops")
	}
	oracle := s.In("oracle")
	classify := layer.Chain(enc.New(oracle), layer.Linear(oracle.In("classifier"), enc.Dim, b.Classes(), true))
	labels := b.Labels()
	var errs, firsts []*graph.Node
	for v := range 2 {
		var views, logits []*graph.Node
		for k := range m.Candidates {
			x := b.View(v + 2*k) // [B,H,W,C]
			views, logits = append(views, x), append(logits, classify(x))
		}
		errs = append(errs, op.MeanAll(op.CrossEntropy(logits[0], labels, 0)))
		firsts = append(firsts, op.Accuracy(logits[0], labels))
		b.Put(feed.View(v), choose(s, views, logits, labels))
	}
	m.hide(b)
	o := m.Base.Value.Build(s, enc, b)
	if o.Players != nil {
		op.Fail("", "base = %s has several optimisers, of which none would train the oracle; want one loss",
			m.Base.Name)
	}
	o.Terms = append(slices.Clone(o.Terms), methods.Term{Name: "oracle", Weight: 1,
		Value: op.OfLabelled(average(errs[0], errs[1]), labels)})
	o.Metrics = append(slices.Clone(o.Metrics), methods.Metric{Name: "recognised",
		Value: average(firsts[0], firsts[1])})
	return o
}

// hide keeps the base from the candidates, which are no further views of a sample, and from what was drawn for views
// that may not be the chosen ones.
func (m *OracleViews) hide(b *methods.Batch) {
	for k := range 2 * m.Candidates {
		b.Hide("the oracle chose among candidates, and what was drawn for the chosen view is not known; want a base "+
			"that does not ask for it", feed.Params(k))
		if k > 1 {
			b.Hide("it is a candidate for one of the two views that the oracle chooses; want a base of two views",
				feed.View(k))
		}
	}
}

// choose is of every sample the first of views [B,...] whose logits [B,classes] are largest at the label; the last
// where none are.
func choose(s *graph.Scope, views, logits []*graph.Node, labels *graph.Node) *graph.Node {
	n := op.ShapeOf(labels)[0]
	var chosen []*graph.Node
	var before *graph.Node // [B,1], 1 where a view was chosen already
	for k, x := range views {
		take := s.Equal(op.TopK(logits[k], 1), op.Reshape(labels, n, 1)) // [B,1]
		if k == len(views)-1 {
			take = op.Affine(before, -1, 1)
		} else if before == nil {
			before = take
		} else {
			take = op.Mul(take, op.Affine(before, -1, 1))
			before = op.Add(before, take)
		}
		axes := slices.Repeat([]int{1}, len(op.ShapeOf(x)))
		axes[0] = n
		chosen = append(chosen, op.Mul(x, op.Reshape(take, axes...)))
	}
	return op.Sum(chosen...)
}
