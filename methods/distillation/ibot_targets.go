package distillation

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

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
	warmed := (&DINO{TeacherTemperature: temperature, TeacherWarmup: m.TeacherWarmup}).teacherTemperature()
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
