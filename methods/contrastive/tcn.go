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
// Sermanet et al., ICRA 2018, arXiv:1704.06888, eq. 1, of all triples where the paper draws one for each anchor: of one
// clip, p is at most Near frames from a and n at least Far. With several cameras, p is what another one sees at a's
// moment, and n is of a's own; cameras are two views of the clip at the same frames ([clips] apart = [0, 0]), each
// cropped and coloured by itself. z are unit rows, a linear layer on the features of a frame; the backbone encodes
// frames, [backbone.per_frame].
type TCN struct {
	Width   int     `toml:"width"`   // D of the embeddings
	Near    int     `toml:"near"`    // frames: how far a positive is at most
	Far     int     `toml:"far"`     // frames: how far a negative is at least; 0: near + 1
	Margin  float64 `toml:"margin"`  // of the squared distances of unit rows
	Cameras int     `toml:"cameras"` // 1: the paper's single-view form; 2: its multi-view form
}

// DefaultTCN has the paper's width and margin; its positives are within 0.2 seconds, which is a frame of five a second.
func DefaultTCN() *TCN { return &TCN{Width: 32, Near: 1, Margin: 0.2, Cameras: 1} }

// Validate implements methods.Method.
func (m *TCN) Validate() error {
	switch {
	case !(m.Margin > 0):
		return setting.Bad("margin", "%v: want a number above 0, without which equal embeddings are best", m.Margin)
	case m.Cameras != 1 && m.Cameras != 2:
		return setting.Bad("cameras", "%d: want 1, or 2 for two views of the same moments", m.Cameras)
	case m.Far != 0 && m.Far <= m.Near:
		return setting.Bad("far", "%d: want more than near = %d, or 0 for one more", m.Far, m.Near)
	}
	return errors.Join(setting.Least("width", m.Width, 1), setting.Least("near", m.Near, 1))
}

// Build implements methods.Method. The features are the mean of the frames'.
func (m *TCN) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Frames == nil {
		b.Unfit("this backbone has no features of single frames: choose [backbone.per_frame] and a dataset " +
			"of clips")
	}
	h := enc.Frames(s)(op.Concat(0, b.Views(m.Cameras)...)) // [cameras*B,T,F]
	n, t := op.ShapeOf(h)[0], op.ShapeOf(h)[1]
	if t < m.far()+1 {
		op.Fail("", "near = %d and far = %d of clips of %d frames leave none further away; want clips of at least %d "+
			"frames", m.Near, m.far(), t, m.far()+1)
	}
	project := layer.Linear(s.In("projector"), enc.Dim, m.Width, true)
	z := op.Normalize(project(op.Reshape(h, n*t, enc.Dim)), losses.Eps) // [cameras*B*T,D]
	all := op.Reshape(z, n, t, m.Width)
	own, other := op.Slice(all, 0, 0, b.Size()), op.Slice(all, 0, n-b.Size(), n)
	loss, right := m.triplets(s, own, other, m.triples(t))
	return methods.Objective{
		Features: op.Mean(op.Slice(h, 0, 0, b.Size()), false, 1),
		Terms:    []methods.Term{{Name: "triplet", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "right", Value: right}, {Name: "spread", Value: losses.Spread(z)}},
	}
}

// far is how far a negative is at least.
func (m *TCN) far() int { return max(m.Far, m.Near+1) }

// triples are the anchors, positives and negatives among t frames.
func (m *TCN) triples(t int) (all [][3]int) {
	for a := range t {
		for p := range t {
			positive := a != p && abs(a-p) <= m.Near
			if m.Cameras == 2 {
				positive = a == p
			}
			for f := range t {
				if positive && abs(a-f) >= m.far() {
					all = append(all, [3]int{a, p, f})
				}
			}
		}
	}
	return all
}

// triplets is the mean hinge over triples of the frames of each clip, with anchors and negatives of z and positives of
// other, both [B,T,D] of unit rows, and the share of the triples whose positive is the nearer one.
func (m *TCN) triplets(s *graph.Scope, z, other *graph.Node, triples [][3]int) (loss, right *graph.Node) {
	n, t := op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	distance := func(to *graph.Node) *graph.Node { return op.Affine(op.MatMul(z, to, false, true), -2, 2) } // [B,T,T]
	apart := op.Sub(op.Reshape(distance(other), n, t, t, 1), op.Reshape(distance(z), n, t, 1, t))           // [B,T,T,T]
	counts := make([]float64, t*t*t)
	for _, o := range triples {
		counts[(o[0]*t+o[1])*t+o[2]]++
	}
	of := s.Floats(fmt.Sprintf("const/triples%d_%d_%d_%d", t, m.Near, m.far(), m.Cameras), counts, 1, t, t, t)
	mean := func(x *graph.Node) *graph.Node {
		return op.Scale(op.SumAll(op.Mul(x, of)), 1/float64(len(triples)*n))
	}
	return mean(op.Relu(op.Shift(apart, m.Margin))), mean(op.Less(apart, s.Constant(0)))
}

func abs(i int) int { return max(i, -i) }
