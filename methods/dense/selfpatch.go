package dense

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
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
// cosine are summed up by two blocks of class attention, as are all patches of a view for the loss of whole views. As in
// the authors' code the neighbourhood goes on at the opposite border of the view, the teacher sees small views too, and
// the transformer has no class token of its own. The summaries read the patches behind the transformer's last norm, in
// the code before it.
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
		Terms:    []methods.Term{{Name: "dino", Weight: 1, Value: whole}, {Name: "patches", Weight: m.Patches, Value: patches}},
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

// summaryBlocks is how many blocks of class attention make a summary, as in the authors' code.
const summaryBlocks = 2

// summary is a token that reads others by blocks of class attention, [N,T,D] -> [N,1,D]: Touvron et al. 2021,
// arXiv:2103.17239, section 2.2, without LayerScale.
func summary(s *graph.Scope, dim, heads int) layer.Func {
	class := op.Reshape(s.Param("class", graph.Normal(0.02), 1, dim), 1, 1, dim) // two axes: it decays
	type block struct {
		norm1, norm2, mlp layer.Func
		attend            func(x, y *graph.Node, m layer.Mask) *graph.Node
	}
	var blocks []block
	for i := range summaryBlocks {
		at := s.In(fmt.Sprintf("blocks/%d", i))
		blocks = append(blocks, block{layer.LayerNorm(at.In("norm1"), dim), layer.LayerNorm(at.In("norm2"), dim),
			layer.MLP(at.In("mlp"), dim, 4*dim), layer.CrossAttention(at.In("attn"), dim, dim, heads)})
	}
	return func(x *graph.Node) *graph.Node {
		y := op.BroadcastTo(class, ir.Shape{op.ShapeOf(x)[0], 1, dim})
		for _, o := range blocks {
			all := o.norm1(op.Concat(1, y, x))
			y = op.Add(y, o.attend(op.Slice(all, 1, 0, 1), all, layer.Mask{}))
			y = op.Add(y, o.mlp(o.norm2(y)))
		}
		return y
	}
}

// neighbourhood is how many patches lie around one.
const neighbourhood = 8

// around is for every patch of a grid the eight around it, in rising order, [T*8]. The grid goes on at its opposite
// border.
func around(rows, columns int) []int32 {
	var ids []int32
	for y := range rows {
		for x := range columns {
			var own []int32
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if dy != 0 || dx != 0 {
						own = append(own, int32((y+dy+rows)%rows*columns+(x+dx+columns)%columns))
					}
				}
			}
			slices.Sort(own)
			ids = append(ids, own...)
		}
	}
	return ids
}

// nearest are the neighbours of every patch of x [N,T,D] that are most like it, the first the most, [N*T,k,D].
func (m *SelfPatch) nearest(s *graph.Scope, x *graph.Node, rows, columns int) *graph.Node {
	n, t, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	if rows < 3 || columns < 3 {
		op.Fail(s.Path(), "a view of %dx%d patches, of which some would be neighbours twice; want at least 3x3, by "+
			"larger views.crops or smaller patches", rows, columns)
	}
	own := around(rows, columns)
	ids := s.Ints(fmt.Sprintf("const/around%dx%d_%d", rows, columns, n), slices.Repeat(own, n))
	near := op.GatherTokens(x, op.Reshape(ids, n, t*neighbourhood))
	return op.GatherTokens(op.Reshape(near, n*t, neighbourhood, d), m.mostAlike(x, near))
}

// mostAlike are the places of the k neighbours [N,T*8,D] that are most like the patches x [N,T,D]: [N*T,k] int32.
func (m *SelfPatch) mostAlike(x, near *graph.Node) *graph.Node {
	n, t, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(op.StopGradient(x), losses.Eps) }
	cosines := op.MatMul(op.Reshape(unit(near), n*t, neighbourhood, d), op.Reshape(unit(x), n*t, 1, d), false, true)
	return op.TopK(op.Reshape(cosines, n*t, neighbourhood), m.Neighbours)
}
