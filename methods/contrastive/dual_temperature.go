package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DualTemperature decides by one temperature which negatives of a view count, by another which views count: SimCo.
//
// Zhang et al., CVPR 2022, arXiv:2203.17248, section 5: for view i of one half of the batch and the other views of all
// images, with P_i(T) the probability of the partner under temperature T, the mean over images of
//
//	-sg[ (1 - P_i(inter)) / (1 - P_i(intra)) ] log P_i(intra),
//
// and the mean over both orders of the views. There is neither a queue nor a teacher, and 64 images suffice.
type DualTemperature struct {
	Projector []int   `toml:"projector"` // widths, without norms; the last is D; [] is none
	Intra     float64 `toml:"intra"`     // temperature between the negatives of a view
	Inter     float64 `toml:"inter"`     // temperature between views
}

// DefaultDualTemperature has the paper's settings for CIFAR-100.
func DefaultDualTemperature() *DualTemperature {
	return &DualTemperature{Projector: []int{128, 128}, Intra: 0.1, Inter: 1}
}

// Validate implements methods.Method.
func (m *DualTemperature) Validate() error {
	return cmp.Or(setting.Positive("intra", m.Intra), setting.Positive("inter", m.Inter),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *DualTemperature) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode, project := enc.New(s), enc.Projector.Plain(s.In("projector"), enc.Dim, m.Projector...)
	var h []*graph.Node
	var z [][]*graph.Node
	for _, x := range b.Crops() {
		h = append(h, encode(op.Concat(0, x...)))                                     // [VB,F]
		views, _ := methods.SplitViews([]*graph.Node{project(h[len(h)-1])}, b.Size()) // [B,D]
		z = append(z, views)
	}
	var all []*graph.Node
	for _, views := range z {
		all = append(all, views...)
	}
	loss := methods.OverPairs(all, len(z[0]), bothWays(func(x, y *graph.Node) *graph.Node { return m.loss(s, x, y) }))
	return methods.Objective{
		Features: op.Slice(h[0], 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "dual_temperature", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(all[0])}},
	}
}

// loss is that of queries q [B,D] with keys k [B,D].
func (m *DualTemperature) loss(s *graph.Scope, q, k *graph.Node) *graph.Node {
	q, k = s.AllRows(op.Normalize(q, losses.Eps)), s.AllRows(op.Normalize(k, losses.Eps))
	cosines := op.MatMul(q, k, false, true) // [B,B]
	missed := func(t float64) *graph.Node { // log(1 - P), [B]
		logits := op.Scale(cosines, 1/t)
		return op.Sub(op.LogSumExp(op.MaskDiagonal(logits, -1e9)), op.LogSumExp(logits))
	}
	weight := op.StopGradient(op.Exp(op.Sub(missed(m.Inter), missed(m.Intra))))
	logits := op.Scale(cosines, 1/m.Intra)
	return op.MeanAll(op.Mul(weight, op.CrossEntropy(logits, losses.Own(s, logits), 0)))
}
