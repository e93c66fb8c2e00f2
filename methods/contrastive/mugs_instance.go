package contrastive

import (
	"cmp"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MugsInstance makes a student recognise its image, as a teacher sees it, from every large and every small crop.
//
// The instance discrimination of Mugs: Zhou et al. 2022, arXiv:2203.14415, section 3.1. InfoNCE of the student's
// guess for a crop with the teacher's embedding of another, large crop, among a queue of such embeddings of past steps;
// the mean over large crops and the mean over small ones count a half each, as in the authors' code. Without small
// crops it is the first alone. Mugs adds two more terms, of local groups and of clusters, which are not here.
type MugsInstance struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Predictor   []int   `toml:"predictor"`   // hidden widths, of the student alone; the output is D wide
	Queue       int     `toml:"queue"`       // embeddings of past steps
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the teacher at the first step; it rises to 1 along half a cosine
}

// DefaultMugsInstance has the paper's settings for ImageNet.
func DefaultMugsInstance() *MugsInstance {
	return &MugsInstance{Projector: []int{2048, 2048, 256}, Predictor: []int{4096}, Queue: 65536, Temperature: 0.2,
		Momentum: 0.996}
}

// Validate implements methods.Method.
func (m *MugsInstance) Validate() error {
	return cmp.Or(setting.Least("queue", m.Queue, 1), heads.CheckHidden("predictor", m.Predictor),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *MugsInstance) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	d := heads.Width(enc.Dim, m.Projector)
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(slices.Clone(m.Predictor), d)...)
	teach, projectT := network(s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))))
	queue := s.State("queue", graph.UnitNormal(), m.Queue, d) // [K,D]
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(x, losses.Eps) }
	crops := b.Crops()
	var h *graph.Node
	var guesses, keys []*graph.Node // [B,D]
	for _, x := range slices.Concat(crops...) {
		y := encode(x) // [B,F]
		if h == nil {
			h = y
		}
		guesses = append(guesses, unit(predict(project(y))))
	}
	for _, x := range crops[0] {
		keys = append(keys, op.StopGradient(unit(projectT(teach(x)))))
	}
	loss := m.loss(s, guesses, keys, queue)
	var all []*graph.Node
	for _, k := range keys {
		all = append(all, s.AllRows(k))
	}
	losses.Enqueue(s, queue, op.Concat(0, all...))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(keys[0])}},
		Encoder:  "teacher/" + methods.Backbone,
	}
}

// loss is that of guesses for all crops [B,D], the large ones first, of which there are as many as keys [B,D].
func (m *MugsInstance) loss(s *graph.Scope, guesses, keys []*graph.Node, queue *graph.Node) *graph.Node {
	var large, small []*graph.Node
	for j, k := range keys {
		for i, q := range guesses {
			if i == j {
				continue
			}
			logits := losses.Logits(q, k, queue, m.Temperature) // [B,1+K]
			first := s.Ints("const/first", make([]int32, op.ShapeOf(q)[0]))
			l := op.MeanAll(op.CrossEntropy(logits, first, 0))
			if i < len(keys) {
				large = append(large, l)
			} else {
				small = append(small, l)
			}
		}
	}
	mean := func(x []*graph.Node) *graph.Node { return op.Scale(op.Sum(x...), 1/float64(len(x))) }
	switch {
	case len(small) == 0:
		return mean(large)
	case len(large) == 0:
		return mean(small)
	}
	return op.Scale(op.Add(mean(large), mean(small)), 0.5)
}
