package contrastive

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// TCN, time-contrastive, keeps frames of a clip that are near in time nearer to each other than to frames further away.
//
//	loss = mean over (a, p, n) of max(0, |z_a - z_p|^2 - |z_a - z_n|^2 + margin)
//
// Sermanet et al., ICRA 2018, arXiv:1704.06888, eq. 1, its single-view form: of one clip, p is at most Near frames from
// a and n further than that. All such triples of a clip count, where the paper draws one for each anchor. z are unit
// rows, a linear layer on the features of a frame; the backbone encodes frames, [backbone.per_frame].
type TCN struct {
	Width  int     `toml:"width"`  // D of the embeddings
	Near   int     `toml:"near"`   // frames: how far a positive is at most
	Margin float64 `toml:"margin"` // of the squared distances of unit rows
}

// DefaultTCN has the paper's width and margin; its positives are within 0.2 seconds, which is a frame of five a second.
func DefaultTCN() *TCN { return &TCN{Width: 32, Near: 1, Margin: 0.2} }

// Validate implements methods.Method.
func (m *TCN) Validate() error {
	if !(m.Margin > 0) {
		return setting.Bad("margin", "%v: want a number above 0, without which equal embeddings are best", m.Margin)
	}
	return errors.Join(setting.Least("width", m.Width, 1), setting.Least("near", m.Near, 1))
}

// Build implements methods.Method. The features are the mean of the frames'.
func (m *TCN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Frames == nil {
		b.Unfit("this backbone has no features of single frames: choose [backbone.per_frame] and a dataset " +
			"of clips")
	}
	h := enc.Frames(s)(b.View(0)) // [B,T,F]
	n, t := op.ShapeOf(h)[0], op.ShapeOf(h)[1]
	if t < m.Near+2 {
		op.Fail("", "near = %d of clips of %d frames leaves none further away; want clips of at least %d frames",
			m.Near, t, m.Near+2)
	}
	project := layer.Linear(s.In("projector"), enc.Dim, m.Width, true)
	z := op.Normalize(project(op.Reshape(h, n*t, enc.Dim)), losses.Eps) // [B*T,D]
	loss, right := m.triplets(s, op.Reshape(z, n, t, m.Width))
	return methods.Objective{
		Features: op.Mean(h, false, 1),
		Terms:    []methods.Term{{Name: "triplet", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "right", Value: right}, {Name: "spread", Value: losses.Spread(z)}},
	}
}

// triplets is the mean hinge over the triples of the frames of each clip, z [B,T,D] of unit rows, and the share of the
// triples whose positive is the nearer one.
func (m *TCN) triplets(s *graph.Scope, z *graph.Node) (loss, right *graph.Node) {
	n, t := op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	distance := op.Affine(op.MatMul(z, z, false, true), -2, 2)                          // [B,T,T]
	apart := op.Sub(op.Reshape(distance, n, t, t, 1), op.Reshape(distance, n, t, 1, t)) // [B,T,T,T]
	counts := make([]float64, t*t*t)
	triples := 0.0
	for a := range t {
		for p := range t {
			for f := range t {
				if a != p && abs(a-p) <= m.Near && abs(a-f) > m.Near {
					counts[(a*t+p)*t+f] = 1
					triples++
				}
			}
		}
	}
	of := s.Floats(fmt.Sprintf("const/triples%d_%d", t, m.Near), counts, 1, t, t, t)
	mean := func(x *graph.Node) *graph.Node { return op.Scale(op.SumAll(op.Mul(x, of)), 1/(triples*float64(n))) }
	return mean(op.Relu(op.Shift(apart, m.Margin))), mean(op.Less(apart, s.Constant(0)))
}

func abs(i int) int { return max(i, -i) }
