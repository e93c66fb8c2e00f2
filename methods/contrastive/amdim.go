package contrastive

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// AMDIM predicts the places of one view's feature maps, fine and coarse, from the whole of the other view and from its
// places, among the places of other images.
//
//	loss = nce(whole -> coarse) + nce(whole -> fine) + nce(coarse -> coarse) + penalty/2 sum of mean squared scores
//	nce  = -mean over places of log( e^s_own / (e^s_own + sum_(places of other images) e^s) )
//	s    = clip tanh( (u v / sqrt(D)) / clip )
//
// Bachman, Hjelm, Buchwalter, NeurIPS 2019, arXiv:1906.00910, section 3.2 to 3.4. As in the authors' code each term is
// the mean of both directions, the source of the third is one place of an image, drawn anew, other places of the own
// image are no negatives, and the penalty is on scores before the clip. Their encoder's last maps have 5x5 and 7x7
// places; here they are the last map of the backbone and the one before it, its whole the mean of the last. Their
// networks keep receptive fields small, which is up to the backbone.
type AMDIM struct {
	Hidden  int     `toml:"hidden"`  // width within the heads
	Width   int     `toml:"width"`   // D of the embeddings of the whole and of places
	Clip    float64 `toml:"clip"`    // largest score
	Penalty float64 `toml:"penalty"` // weight of the squared scores
}

// DefaultAMDIM has the paper's settings for ImageNet's largest network.
func DefaultAMDIM() *AMDIM { return &AMDIM{Hidden: 2560, Width: 2560, Clip: 20, Penalty: 0.05} }

// Validate implements methods.Method.
func (m *AMDIM) Validate() error {
	if !(m.Penalty >= 0) {
		return setting.Bad("penalty", "%v: want a weight from 0 on", m.Penalty)
	}
	return errors.Join(setting.Least("hidden", m.Hidden, 1), setting.Least("width", m.Width, 1),
		setting.Positive("clip", m.Clip))
}

// Build implements methods.Method.
func (m *AMDIM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Maps == nil {
		b.Unfit("the backbone has no feature maps, whose places are predicted; want a convnet or a resnet")
	}
	if b.Size() < 2 {
		op.Fail("", "a batch of 1 has no other image to tell places from; want at least 2")
	}
	maps, project := enc.Maps(s), map[string]layer.Func{}
	var h *graph.Node
	var scales [2]scale
	r := s.Random("place")
	for v, x := range b.Views(2) {
		all := maps(x)
		if len(all) < 2 {
			b.Unfit("the backbone has %d feature map; want a fine one and a coarse one", len(all))
		}
		head := func(name string, x *graph.Node) *graph.Node { // [N,C] -> [N,D]
			if project[name] == nil {
				project[name] = heads.MLP(s.In(name), op.ShapeOf(x)[1], m.Hidden, m.Width)
			}
			return project[name](x)
		}
		places := func(name string, x *graph.Node) *graph.Node { // [B,h,w,C] -> [B,T,D]
			at := op.ShapeOf(x)
			return op.Reshape(head(name, op.Reshape(x, -1, at[3])), at[0], at[1]*at[2], m.Width)
		}
		whole := op.GlobalAvgPool(all[len(all)-1])
		if v == 0 {
			h = whole
		}
		coarse := places("coarse", all[len(all)-1])
		n, t := op.ShapeOf(coarse)[0], op.ShapeOf(coarse)[1]
		one := op.GatherTokens(coarse, op.Reshape(op.Argmax(r.Uniform(n, t)), n, 1))
		scales[v] = scale{head("whole", whole), op.Reshape(one, n, m.Width), coarse, places("fine", all[len(all)-2])}
	}
	return methods.Objective{Features: h, Terms: m.terms(s, scales[0], scales[1]),
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(scales[0].whole)}}}
}

// scale is a view as the heads see it: the whole [B,D], one of the coarse places [B,D], the coarse ones [B,T,D] and the
// fine ones.
type scale struct{ whole, place, coarse, fine *graph.Node }

// terms of two views.
func (m *AMDIM) terms(s *graph.Scope, a, b scale) []methods.Term {
	var squares []*graph.Node
	nce := func(u, v *graph.Node) *graph.Node {
		loss, square := m.nce(s, u, v)
		squares = append(squares, square)
		return loss
	}
	both := func(x, y *graph.Node) *graph.Node { return op.Scale(op.Add(x, y), 0.5) }
	return []methods.Term{
		{Name: "whole_coarse", Weight: 1, Value: both(nce(a.whole, b.coarse), nce(b.whole, a.coarse))},
		{Name: "whole_fine", Weight: 1, Value: both(nce(a.whole, b.fine), nce(b.whole, a.fine))},
		{Name: "coarse_coarse", Weight: 1, Value: both(nce(a.place, b.coarse), nce(b.place, a.coarse))},
		{Name: "penalty", Weight: m.Penalty / 2, Value: op.Sum(squares...)},
	}
}

// nce is the mean loss of telling the places v [B,T,D] of the own image from those of other images by u [B,D], and the
// mean squared score.
func (m *AMDIM) nce(s *graph.Scope, u, v *graph.Node) (loss, square *graph.Node) {
	n, t, d := op.ShapeOf(v)[0], op.ShapeOf(v)[1], op.ShapeOf(v)[2]
	raw := op.Scale(op.MatMul(u, op.Reshape(v, n*t, d), false, true), 1/math.Sqrt(float64(d))) // [B,B*T]
	scores := op.Scale(op.Tanh(op.Scale(raw, 1/m.Clip)), m.Clip)
	own := make([]float64, n*n*t)
	for i := range n {
		for j := range t {
			own[i*n*t+i*t+j] = 1
		}
	}
	of := s.Floats("const/own_places"+op.ShapeOf(v).String(), own, n, n*t) // 1 for places of the own image
	others := op.LogSumExp(op.Sub(scores, op.Scale(of, 1e9)))              // [B]
	each := op.Softplus(op.Sub(op.Reshape(others, n, 1), scores))          // -log of the share of e^s, [B,B*T]
	return op.Scale(op.SumAll(op.Mul(each, of)), 1/float64(n*t)), op.MeanAll(op.Square(raw))
}
