package dense

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/distillation"
	"selfsup/setting"
)

// SelfPatch is DINO on whole views, and makes every patch of the student name the prototypes that the teacher names for
// the neighbours of the same patch that are most like it.
//
//	loss = dino(whole views) + patches * mean over views and patches of
//	       cross-entropy(teacher's summary of the patch's nearest neighbours, student's patch)
//
// Yun, Lee, Kim, Shin, CVPR 2022, arXiv:2206.07990, eq. 3 to 7. Of the eight patches around one, the most similar by
// cosine are summed up by two blocks of class attention, as are all patches of a view for the loss of whole views. As
// in the authors' code the neighbourhood goes on at the opposite border of the view, the teacher sees small views too,
// and the transformer has no class token of its own. The summaries read the patches behind the transformer's last
// norm, in the code before it.
type SelfPatch struct {
	distillation.DINO
	PatchPrototypes int     `toml:"patch_prototypes"` // of the head of patches
	Neighbours      int     `toml:"neighbours"`       // of a patch that are summed up, of the eight around it
	Heads           int     `toml:"heads"`            // of the class attention
	Patches         float64 `toml:"patches"`          // weight of the patches' term
}

// DefaultSelfPatch has the authors' settings for ViT-S on ImageNet.
func DefaultSelfPatch() *SelfPatch {
	m := &SelfPatch{DINO: *distillation.DefaultDINO(), PatchPrototypes: 4096, Neighbours: 4, Heads: 6, Patches: 0.1}
	m.TeacherTemperature, m.TeacherWarmup = [2]float64{0.04, 0.04}, setting.Percent(0)
	return m
}

// Validate implements methods.Method.
func (m *SelfPatch) Validate() error {
	var most error
	if m.Neighbours < 1 || m.Neighbours > neighbourhood {
		most = setting.Bad("neighbours", "%d: want 1 to the %d around a patch", m.Neighbours, neighbourhood)
	}
	return errors.Join(m.DINO.Validate(), setting.Least("patch_prototypes", m.PatchPrototypes, 2), most,
		setting.Least("heads", m.Heads, 1), setting.Positive("patches", m.Patches))
}

// Build implements methods.Method.
func (m *SelfPatch) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	student := m.network(s, enc, b)
	above := s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1)))
	teacher := m.network(above, enc, b)
	crops := b.Crops()
	var answers, said named
	var features *graph.Node
	for i, views := range crops {
		x := op.Concat(0, views...)
		_, own := student(x, false)
		h, other := teacher(x, true)
		if i == 0 {
			features = op.Slice(h, 0, 0, b.Size())
		}
		answers, said = answers.and(own), said.and(other)
	}
	temperature := s.Scheduled("teacher_temperature", m.WarmedTemperature())
	centre := s.State("centre", graph.Fill(0), m.Prototypes)
	patchCentre := s.State("patch_centre", graph.Fill(0), m.PatchPrototypes)
	whole, patches, entropy := m.terms(answers, said, centre, patchCentre, temperature, len(crops[0]), b.Size())
	s.Update(centre, losses.NextCentre(s, centre, op.Concat(0, said.class...), m.CentreMomentum))
	s.Update(patchCentre, losses.NextCentre(s, patchCentre, op.Concat(0, said.patches...), m.CentreMomentum))
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "dino", Weight: 1, Value: whole},
			{Name: "patches", Weight: m.Patches, Value: patches}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "target_entropy", Value: entropy}, {Name: "divergence", Value: op.Sub(whole, entropy)}},
		Alarms:  []methods.Alarm{distillation.AlikeAnswers(m.Prototypes)},
		Encoder: "teacher/" + methods.Backbone,
		Tune: []methods.Tune{{Scope: "head/last", Hold: methods.During(m.HoldLast)},
			{Scope: "patch_head/last", Hold: methods.During(m.HoldLast)}},
	}
}

// named are cosines with the prototypes, a batch for each size of view: of V whole views [VB,K] and of their patches,
// view by view [VB*T,L].
type named struct{ class, patches []*graph.Node }

func (n named) and(o named) named {
	return named{append(n.class, o.class...), append(n.patches, o.patches...)}
}

// terms are the loss of whole views, of which so many are large, that of patches, and the entropy of the large views'
// targets. b samples have a view each.
func (m *SelfPatch) terms(answers, said named, centre, patchCentre, temperature *graph.Node, large, b int) (whole,
	patches, entropy *graph.Node) {
	target := losses.Sharpen(said.class[0], centre, temperature)
	targets, _ := methods.SplitViews([]*graph.Node{target}, b)
	logits, _ := methods.SplitViews(answers.class, b)
	for i := range logits {
		logits[i] = op.Scale(logits[i], 1/m.Temperature)
	}
	whole = losses.CrossEntropyOfPairs(targets[:large], logits)
	var each []*graph.Node
	views := 0
	for i, y := range answers.patches {
		goal := losses.Sharpen(said.patches[i], patchCentre, temperature)
		count := op.ShapeOf(answers.class[i])[0] / b
		mean := op.MeanAll(op.CrossEntropySoft(op.Scale(y, 1/m.Temperature), goal))
		each, views = append(each, op.Scale(mean, float64(count))), views+count
	}
	return whole, op.Scale(op.Sum(each...), 1/float64(views)), losses.Entropy(target)
}

// network is encoder, summaries and heads: views [N,H,W,C] -> features [N,Dim] and what it names; of patches their own,
// or of their neighbours.
func (m *SelfPatch) network(s *graph.Scope, enc methods.Encoder, b *methods.Batch) func(x *graph.Node,
	neighbours bool) (*graph.Node, named) {
	e := methods.Patches(s, enc, b)
	if e.HasClass {
		op.Fail(s.Path(), "the transformer has a class token beside the one that sums its patches up; want "+
			"backbone.vit.pool = \"mean\"")
	}
	if e.Dim%m.Heads != 0 {
		op.Fail(s.Path(), "heads = %d: the tokens' %d channels are no multiple of it", m.Heads, e.Dim)
	}
	encode := enc.Places(s)
	sum := summary(s.In("summary"), e.Dim, m.Heads)
	norm := layer.LayerNorm(s.In("summary/norm"), e.Dim)
	head := m.Head()
	class := head.New(s.In("head"), e.Dim)
	head.K = m.PatchPrototypes
	patch := head.New(s.In("patch_head"), e.Dim)
	return func(x *graph.Node, neighbours bool) (*graph.Node, named) {
		h, places := encode(x)
		size := op.ShapeOf(places)
		n, rows, columns := size[0], size[1], size[2]
		tokens := op.Reshape(places, n, rows*columns, e.Dim)
		parts := op.Reshape(tokens, n*rows*columns, e.Dim)
		if neighbours {
			parts = op.Reshape(sum(m.nearest(s, tokens, rows, columns)), n*rows*columns, e.Dim)
		}
		whole := op.Reshape(sum(tokens), n, e.Dim)
		return h, named{[]*graph.Node{class(norm(whole))}, []*graph.Node{patch(norm(parts))}}
	}
}
