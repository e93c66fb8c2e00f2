package distillation

import (
	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// objective is that of a student of whose large views patches are hidden, and of a teacher's answers to them. Where
// none are hidden all patches count.
func (m *IBOT) objective(s *graph.Scope, enc methods.Encoder, b *methods.Batch, e *backbones.TokenEncoder,
	said answers) methods.Objective {
	crops, n := b.Crops(), e.Rows*e.Columns
	large := op.Concat(0, crops[0]...)
	hidden := op.BroadcastTo(s.Constant(1), ir.Shape{len(crops[0]) * b.Size(), n}) // [VB,T] that count
	tokens := e.Embed(large)
	if m.Masked > 0 {
		var drawn []*graph.Node
		for range crops[0] {
			drawn = append(drawn, methods.HiddenPatches(b, &masks.Varied{Probability: m.Masked, Ratio: m.Ratio}, e))
		}
		hidden = op.Concat(0, drawn...)
		tokens = e.Hiding(large, hidden, methods.MaskToken(s, e.Dim))
	}
	name, namePatches := m.heads(s, e.Dim)
	y := e.Encode(tokens)
	class := e.Pool(y) // [VB,D]
	logits := []*graph.Node{op.Scale(name(class), 1/m.Temperature)}
	for _, views := range crops[1:] {
		small := enc.New(s)(op.Concat(0, views...))
		logits = append(logits, op.Scale(name(small), 1/m.Temperature))
	}
	patches := op.Scale(namePatches(e.Last(y, n)), 1/m.Temperature) // [VB*T,K]
	target := m.target(s, "", said.class, nil, m.TeacherTemperature)
	goal := m.target(s, "patch_", said.patches, op.Reshape(hidden, -1), m.PatchTemperature)

	loss, entropy := m.classLoss(logits, target, b.Size()), losses.Entropy(target)
	terms := []methods.Term{{Name: "class", Weight: 1, Value: loss},
		{Name: "patches", Weight: m.Patches, Value: m.patchLoss(patches, goal, hidden)}}
	if m.KoLeo > 0 {
		views, _ := methods.SplitViews([]*graph.Node{class}, b.Size())
		var spread []*graph.Node
		for _, v := range views {
			spread = append(spread, losses.KoLeo(s, v))
		}
		terms = append(terms, methods.Term{Name: "koleo", Weight: m.KoLeo, Value: op.Sum(spread...)})
	}
	return methods.Objective{
		Features: op.Slice(class, 0, 0, b.Size()), Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(said.features)},
			{Name: "target_entropy", Value: entropy}, {Name: "divergence", Value: op.Sub(loss, entropy)}},
		Alarms: []methods.Alarm{AlikeAnswers(m.Prototypes)},
		Tune:   m.held(),
	}
}

// heads are those of class tokens [B,D] -> [B,K] and of patches [B,T,D] -> [B*T,K].
func (m *IBOT) heads(s *graph.Scope, dim int) (class, patches layer.Func) {
	o := heads.DINO{Layers: m.Layers, Hidden: m.Hidden, Bottleneck: m.Bottleneck, K: m.Prototypes}
	class = o.New(s.In("head"), dim)
	own := class
	if m.PatchPrototypes > 0 {
		o.K = m.PatchPrototypes
		own = o.New(s.In("patch_head"), dim)
	}
	return class, func(x *graph.Node) *graph.Node { return own(op.Reshape(x, -1, dim)) }
}

// held is the last layers of the heads at the beginning.
func (m *IBOT) held() []methods.Tune {
	tune := []methods.Tune{{Scope: "head/last", Hold: methods.During(m.HoldLast)}}
	if m.PatchPrototypes > 0 {
		tune = append(tune, methods.Tune{Scope: "patch_head/last", Hold: methods.During(m.HoldLast)})
	}
	return tune
}

// target is what the teacher says [N,K] as distributions. Of rows that do not count, where counted [N] is 0, nothing
// is made use of.
func (m *IBOT) target(s *graph.Scope, name string, said, counted *graph.Node, temperature [2]float64) *graph.Node {
	warmed := (&DINO{TeacherTemperature: temperature, TeacherWarmup: m.TeacherWarmup}).WarmedTemperature()
	now := s.Scheduled(name+"teacher_temperature", warmed)
	if m.Centring == "sinkhorn" {
		return losses.SinkhornOf(said, counted, now, sinkhornSteps)
	}
	centre := s.State(name+"centre", graph.Fill(0), op.ShapeOf(said)[1])
	target := losses.Sharpen(said, centre, now)
	s.Update(centre, losses.NextCentre(s, centre, said, m.CentreMomentum))
	return target
}

// sinkhornSteps is how often DINOv2's code scales columns and rows.
const sinkhornSteps = 3

// classLoss is the mean over pairs of a target and the logits of another view, of b samples, as DINO's.
func (m *IBOT) classLoss(logits []*graph.Node, target *graph.Node, b int) *graph.Node {
	return (&DINO{}).loss(logits, target, b)
}

// patchLoss is the mean over views [VB] of the mean over hidden patches, [VB,T] of 1 and 0, of the cross-entropy of
// logits and goals [VB*T,K]; of a view without hidden patches it is 0.
func (m *IBOT) patchLoss(logits, goal, hidden *graph.Node) *graph.Node {
	n, t := op.ShapeOf(hidden)[0], op.ShapeOf(hidden)[1]
	each := op.Mul(op.Reshape(op.CrossEntropySoft(logits, goal), n, t), hidden)
	count := op.Shift(op.Relu(op.Shift(op.SumAxes(hidden, false, 1), -1)), 1) // at least 1
	return op.MeanAll(op.Div(op.SumAxes(each, false, 1), count))
}
