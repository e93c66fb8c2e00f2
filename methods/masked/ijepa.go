package masked

import (
	"cmp"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// IJEPA encodes a context block of an image and has a narrow predictor tell what a slowly following teacher says of
// several target blocks, from where they are. The teacher, which sees the whole image, is evaluated.
//
//	loss = mean over targets, their patches and channels of smooth L1(predicted, layer norm(teacher's))
//
// Assran et al., CVPR 2023, arXiv:2301.08243, section 3; loss and norm as in the authors' code. Only tokens of the
// context are encoded by the student. Contexts are of several sizes: the code cuts all of a batch to the shortest, here
// they are cut to a share of the patches, from the end as there, and shorter ones are padded with tokens that no other
// attends to. So are targets. The backbone has no class token in the paper.
type IJEPA struct {
	Targets      int        `toml:"targets"`       // blocks
	TargetScale  [2]float64 `toml:"target_scale"`  // smallest and largest fraction of the patches
	TargetAspect [2]float64 `toml:"target_aspect"` // smallest and largest height / width
	ContextScale [2]float64 `toml:"context_scale"` // smallest and largest fraction, before targets are taken out
	LeastContext int        `toml:"least_context"` // patches
	MostContext  float64    `toml:"most_context"`  // fraction of the patches
	Dim          int        `toml:"dim"`           // channels of a token of the predictor
	Depth        int        `toml:"depth"`         // blocks of the predictor
	Heads        int        `toml:"heads"`         // of its attention
	// of the teacher at the first step; it rises evenly to 1
	Momentum float64 `toml:"momentum"`
}

// DefaultIJEPA has the paper's settings for ViT-B.
func DefaultIJEPA() *IJEPA {
	k := masks.DefaultMultiBlock()
	return &IJEPA{Targets: k.Targets, TargetScale: k.TargetScale, TargetAspect: k.TargetAspect,
		ContextScale: k.ContextScale, LeastContext: k.LeastContext, MostContext: 0.5, Dim: 384, Depth: 6, Heads: 12,
		Momentum: 0.996}
}

// Validate implements methods.Method.
func (m *IJEPA) Validate() error {
	switch {
	case m.Dim < 4 || m.Dim%4 != 0:
		return setting.Bad("dim", "%d: want a multiple of 4, for positions by sines and cosines", m.Dim)
	case m.Heads < 1 || m.Dim%m.Heads != 0:
		return setting.Bad("heads", "%d: want a divisor of dim = %d", m.Heads, m.Dim)
	case !(m.MostContext > 0 && m.MostContext <= 1):
		return setting.Bad("most_context", "%v: want a fraction above 0 and at most 1", m.MostContext)
	}
	return cmp.Or(setting.Least("depth", m.Depth, 1), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method. The features are the teacher's of the whole image.
func (m *IJEPA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	t := methods.Patches(s.Twin("teacher", s.Scheduled("teacher_momentum", graph.LinearRamp(m.Momentum, 1,
		func(t graph.Time) int { return t.Steps }))), enc, b)
	kind := &masks.MultiBlock{Targets: m.Targets, TargetScale: m.TargetScale, TargetAspect: m.TargetAspect,
		ContextScale: m.ContextScale, LeastContext: m.LeastContext}
	n, grid := e.Rows*e.Columns, methods.GridOf(e)
	planes := b.Mask(kind, grid) // [B,1+M,T]
	target, context := kind.Most(grid)
	context = max(min(context, int(m.MostContext*float64(n))), m.LeastContext)
	plane := func(i int) *graph.Node { return op.Reshape(op.Slice(planes, 1, i, i+1), b.Size(), n) }

	seen := chosen(plane(0), context)
	var asked []places
	for i := range m.Targets {
		asked = append(asked, chosen(plane(1+i), target))
	}
	y := e.Among(op.GatherTokens(e.Embed(x), seen.ids), seen.there) // [B,K,D]
	predicted := m.Predict(s.In("predictor"), e, e.Last(y, context), seen, asked)
	whole := t.Encode(t.Embed(x))
	goal, there := m.Goal(t.Last(whole, n), asked), m.there(asked)
	features := t.Pool(whole)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "prediction", Weight: 1, Value: m.loss(predicted, goal, there)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
		Encoder:  "teacher/" + methods.Backbone,
	}
}

// Predict is the student's guesses [M*B,K,D] of M target blocks of K patches, block by block, from a context y [B,N,D]
// encoded. Each block is guessed by itself.
func (m *IJEPA) Predict(s *graph.Scope, e *backbones.TokenEncoder, y *graph.Node, seen places,
	asked []places) *graph.Node {
	b, n, t := op.ShapeOf(y)[0], op.ShapeOf(y)[1], e.Rows*e.Columns
	k := op.ShapeOf(asked[0].ids)[1]
	embed := layer.Dense(s.In("embed"), e.Dim, m.Dim)
	mask := methods.MaskToken(s, m.Dim)
	position := s.Frozen("position", layer.SinCos2D(m.Dim, e.Rows, e.Columns), t, m.Dim)
	all := op.BroadcastTo(op.Reshape(position, 1, t, m.Dim), ir.Shape{b, t, m.Dim})
	context := op.Add(embed(y), op.GatherTokens(all, seen.ids)) // [B,N,P]
	var rows, keys []*graph.Node
	for _, a := range asked {
		rows = append(rows, op.Concat(1, context, op.Add(op.GatherTokens(all, a.ids), mask))) // [B,N+K,P]
		if a.there != nil {
			keys = append(keys, op.Concat(1, seen.there, a.there))
		}
	}
	block := layer.Block{Dim: m.Dim, Heads: m.Heads}
	if keys != nil {
		block.Mask.Keys = op.Concat(0, keys...)
	}
	tell := layer.Chain(layer.Blocks(s.In("blocks"), block, m.Depth, 0), layer.LayerNorm(s.In("norm"), m.Dim),
		func(x *graph.Node) *graph.Node { return op.Slice(x, 1, n, n+k) }, layer.Dense(s.In("tell"), m.Dim, e.Dim))
	return tell(op.Concat(0, rows...))
}
