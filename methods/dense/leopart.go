package dense

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Leopart clusters the places of views: those of a student name the clusters that a slowly following teacher's places
// of another view were assigned to, where both views show the same part of the image. It sharpens an encoder that is
// trained already, see [init].
//
//	loss = mean over large views i and others v of the mean over bins and images of
//	       cross-entropy(align(assignments of i), softmax(align(scores of v) / temperature))
//
// Ziegler, Asano, CVPR 2022, arXiv:2204.13101, eq. 1 to 4. Assignments share the clusters evenly over all places of a
// batch; align is RoIAlign of the part that both views show. Images whose views show nothing in common do not count;
// in the authors' code crops are drawn until they do. With foreground, bins count that lie wholly on the patches to
// which the teacher's last attention gives that share of its mass, averaged over the heads; the code blurs the
// attention before and drops components of one or two patches. There is no queue of past places.
type Leopart struct {
	Layers      int     `toml:"layers"`      // of the projector
	Hidden      int     `toml:"hidden"`      // width between them
	Bottleneck  int     `toml:"bottleneck"`  // width of the unit rows before the clusters
	Clusters    int     `toml:"clusters"`    // K
	Temperature float64 `toml:"temperature"` // of the student's cosines
	Epsilon     float64 `toml:"epsilon"`     // of the assignment: larger is more even within a place
	Iterations  int     `toml:"iterations"`  // of Sinkhorn and Knopp
	Align       int     `toml:"align"`       // bins along each side of what two views share
	Foreground  float64 `toml:"foreground"`  // share of the attention's mass; 0: all places count
	// of the teacher at the first step; it rises to 1 along half a cosine
	Momentum     float64 `toml:"momentum"`
	BackboneRate float64 `toml:"backbone_rate"` // factor of the encoder's learning rate
}

// DefaultLeopart has the authors' settings for a ViT-S that DINO trained.
func DefaultLeopart() *Leopart {
	return &Leopart{Layers: 3, Hidden: 2048, Bottleneck: 256, Clusters: 300, Temperature: 0.1, Epsilon: 0.05,
		Iterations: 3, Align: 7, Foreground: 0.6, Momentum: 0.9995, BackboneRate: 0.1}
}

// Validate implements methods.Method.
func (m *Leopart) Validate() error {
	var share error
	if !(m.Foreground >= 0 && m.Foreground < 1) {
		share = setting.Bad("foreground", "%v: want a share of the attention from 0, for all places, up to, not with, "+
			"1", m.Foreground)
	}
	return errors.Join(setting.Least("layers", m.Layers, 1), setting.Least("hidden", m.Hidden, 1),
		setting.Least("bottleneck", m.Bottleneck, 1), setting.Least("clusters", m.Clusters, 2),
		setting.Positive("temperature", m.Temperature), setting.Positive("epsilon", m.Epsilon),
		setting.Least("iterations", m.Iterations, 1), setting.Least("align", m.Align, 1), share,
		setting.Within("momentum", m.Momentum, 0, 1), setting.Positive("backbone_rate", m.BackboneRate))
}

// Build implements methods.Method.
func (m *Leopart) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	network := func(s *graph.Scope) func(x *graph.Node) (h, places, scores *graph.Node) {
		encode := b.NeedPlaces(s, enc)
		var score layer.Func
		return func(x *graph.Node) (h, places, scores *graph.Node) {
			h, places = encode(x)
			size := op.ShapeOf(places)
			if score == nil {
				score = heads.DINO{Layers: m.Layers, Hidden: m.Hidden, Bottleneck: m.Bottleneck, K: m.Clusters}.New(
					s.In("head"), size[3])
			}
			rows := score(op.Reshape(places, -1, size[3]))
			return h, places, op.Reshape(rows, size[0], size[1], size[2], m.Clusters)
		}
	}
	student, crops, n := network(s), b.Crops(), b.Size()
	var features *graph.Node
	var answers []*graph.Node
	for i, views := range crops {
		h, _, scores := student(op.Concat(0, views...))
		if i == 0 {
			features = op.Slice(h, 0, 0, n)
		}
		answers = append(answers, scores)
	}
	above := s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1)))
	_, places, scores := network(above)(op.Concat(0, crops[0]...))
	var seen []*graph.Node
	if m.Foreground > 0 {
		seen, _ = methods.SplitViews([]*graph.Node{m.foreground(s, enc, places)}, n)
	}
	said, _ := methods.SplitViews([]*graph.Node{op.StopGradient(scores)}, n)
	given, _ := methods.SplitViews(answers, n)
	var windows []window
	for v := range given {
		windows = append(windows, windowOf(b, v))
	}
	loss, codes := m.loss(s, said, given, seen, func(i, v int) overlap {
		own, there := windows[i].shared(windows[v])
		other, _ := windows[v].shared(windows[i])
		return overlap{own, other, there}
	})
	used := op.Mean(codes[0], false, 0) // [K]
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "places", Weight: 1, Value: loss}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "cluster_entropy", Value: losses.Entropy(op.Reshape(used, 1, m.Clusters))}},
		Tune: []methods.Tune{{Scope: methods.Backbone, Rate: func(graph.Time) float64 { return m.BackboneRate }}},
	}
}

// loss is the mean cross-entropy of teacher's scores of large views [B,h,w,K] and student's of all [B,h,w,K], the large
// ones first, and the assignments [B*h*w,K] of each large view. seen [B,h,w,1] is 1 where places of a large view count,
// nil: they all do.
func (m *Leopart) loss(s *graph.Scope, said, given, seen []*graph.Node, of func(i, v int) overlap) (loss *graph.Node,
	codes []*graph.Node) {
	var all []*graph.Node
	for i, scores := range said {
		scores = s.AllRows(scores)
		size := op.ShapeOf(scores)
		q := losses.Sinkhorn(op.Reshape(scores, -1, size[3]), m.Epsilon, m.Iterations)
		codes = append(codes, q)
		var terms []*graph.Node
		for v, other := range given {
			if v == i {
				continue
			}
			both := of(i, v)
			goal := m.align(s, op.Reshape(q, size...), both.first)
			guess := m.align(s, s.AllRows(other), both.second)
			each := op.CrossEntropySoft(op.Scale(guess, 1/m.Temperature), op.StopGradient(goal)) // [B*bins]
			n := op.ShapeOf(each)[0]
			counts := op.BroadcastTo(s.Constant(1), op.ShapeOf(each))
			if both.there != nil {
				there := s.AllRows(both.there)
				counts = op.Reshape(op.BroadcastTo(there, []int{op.ShapeOf(there)[0], m.Align * m.Align}), n)
			}
			if seen != nil {
				whole := m.align(s, s.AllRows(seen[i]), both.first)
				counts = op.Mul(counts, op.Reshape(op.Greater(whole, s.Constant(wholly)), n))
			}
			terms = append(terms, losses.MeanOver(each, counts))
		}
		all = append(all, losses.Mean(terms))
	}
	return losses.Mean(all), codes
}
