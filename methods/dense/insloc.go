package dense

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/setting"
)

// InsLoc pastes two views of an image at random places and sizes onto other images, and makes the features within the
// box of one paste recognise those of the other among a queue of such keys of past steps.
//
// Yang, Wu, Zhou, Lin, CVPR 2021, arXiv:2102.08318, eq. 1 and 2. The canvas is as large as a view, its background the
// other view of another image of the batch, and its features are RoIAlign of the last feature map, averaged over the
// bins: in the paper a stage of the network, or a detector's head over a feature pyramid, is between them. The query's
// box is moved, the first of some random boxes near the paste's that overlap with it enough; in the paper an anchor of a
// region proposal network that does. Pastes are resized with antialiasing.
type InsLoc struct {
	contrastive.Queued
	Align int        `toml:"align"` // bins along each side of the box
	Sides [2]float64 `toml:"sides"` // least and largest side of a paste, as a share of the canvas's
	Ratio float64    `toml:"ratio"` // largest quotient of a paste's sides
	// least intersection over union of the query's box and the paste's; 1: the boxes are the same
	Overlap float64 `toml:"overlap"`
}

// DefaultInsLoc has the paper's settings for ImageNet.
func DefaultInsLoc() *InsLoc {
	return &InsLoc{Queued: contrastive.DefaultMoCo().Queued, Align: 7, Sides: [2]float64{0.5, 1}, Ratio: 2,
		Overlap: 0.5}
}

// Validate implements methods.Method.
func (m *InsLoc) Validate() error {
	bad := []error{m.Queued.Validate(), setting.Least("align", m.Align, 1)}
	if !(m.Sides[0] > 0 && m.Sides[0] <= m.Sides[1] && m.Sides[1] <= 1) {
		bad = append(bad, setting.Bad("sides", "%v: want [least, largest] share of the canvas's side, above 0 and at "+
			"most 1, so that the box lies inside", m.Sides))
	}
	if !(m.Ratio >= 1) {
		bad = append(bad, setting.Bad("ratio", "%v: want a quotient of sides of 1 or more", m.Ratio))
	}
	if !(m.Overlap > 0 && m.Overlap <= 1) {
		bad = append(bad, setting.Bad("overlap", "%v: want a share above 0 and at most 1", m.Overlap))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *InsLoc) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if b.Size() < 2 {
		op.Fail(s.Path(), "train.batch = 1 has no other image to paste onto; want at least 2")
	}
	x, r := b.Views(2), s.Random("boxes")
	size := op.ShapeOf(x[0])
	boxes := []*graph.Node{m.box(s, r, size[0], size[1], size[2]), m.box(s, r, size[0], size[1], size[2])}
	query := m.network(s, enc, b)
	key := m.network(s.Twin("key", s.Constant(m.Momentum)), enc, b)
	h, q := query(pasted(s, x[0], other(x[1]), boxes[0]), m.moved(s, r, boxes[0]))
	_, k := key(pasted(s, x[1], other(x[0]), boxes[1]), boxes[1])
	k = op.StopGradient(k)
	queue := s.State("queue", graph.UnitNormal(), m.Queue, op.ShapeOf(q)[1])
	loss := losses.InfoNCE(s, q, k, queue, m.Temperature) // by the queue as it was
	losses.Enqueue(s, queue, s.AllRows(op.Normalize(k, losses.Eps)))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
		Alarms: []methods.Alarm{methods.Guessing("infonce", m.Queue+1, "let the keys' encoder follow more slowly, "+
			"with a momentum nearer to 1, or lower the temperature (sections 2.2 and 3.4.1)")},
	}
}

// network is images [B,H,W,C] and boxes [B,4] in their pixels -> the mean of the features in the box [B,C], and its
// embedding [B,D].
func (m *InsLoc) network(s *graph.Scope, enc methods.Encoder, b *methods.Batch) func(x, boxes *graph.Node) (h,
	z *graph.Node) {
	encode := b.NeedPlaces(s, enc)
	return func(x, boxes *graph.Node) (h, z *graph.Node) {
		_, at := encode(x)
		image, size := op.ShapeOf(x), op.ShapeOf(at)
		down, across := float64(size[1])/float64(image[1]), float64(size[2])/float64(image[2])
		scale := s.Floats("const/cells", []float64{across, down, across, down}, 1, 4)
		bins := layer.RoIAlign(s, at, op.Mul(boxes, scale), layer.Region{Size: m.Align})
		h = op.Mean(bins, false, 1, 2)
		return h, enc.Projector.Plain(s.In("projector"), size[3], m.Projector...)(h)
	}
}

// box draws where a view is pasted on canvases [n,h,w]: left, top, right and bottom in whole pixels, [n,4].
func (m *InsLoc) box(s *graph.Scope, r *graph.Random, n, h, w int) *graph.Node {
	low, high := m.Sides[0], m.Sides[1]
	height := op.Affine(r.Uniform(n, 1), high-low, low)
	// a width of the same law within the ratio of the height
	least := layer.AtLeast(op.Scale(height, 1/m.Ratio), low)
	most := layer.AtMost(op.Scale(height, m.Ratio), high)
	width := op.Add(least, op.Mul(r.Uniform(n, 1), op.Sub(most, least)))
	span := func(share *graph.Node, side int) (from, to *graph.Node) {
		long := layer.AtLeast(whole(s, op.Scale(share, float64(side)), side), 1)
		from = whole(s, op.Mul(r.Uniform(n, 1), op.Affine(long, -1, float64(side))), side)
		return from, op.Add(from, long)
	}
	top, bottom := span(height, h)
	left, right := span(width, w)
	return op.StopGradient(op.Concat(1, left, top, right, bottom))
}

// whole is the whole number nearest to x [n,1], from 0 to most.
func whole(s *graph.Scope, x *graph.Node, most int) *graph.Node {
	steps := make([]float64, most)
	for i := range steps {
		steps[i] = float64(i) + 0.5
	}
	return op.SumAxes(op.Less(s.Floats(fmt.Sprintf("const/steps%d", most), steps, 1, most), x), true, 1)
}

// candidates is how many boxes are drawn near a paste's, of which the first is taken that overlaps enough; the last is
// the paste's own.
const candidates = 16

// moved are boxes [n,4] near others whose intersection over union with them is at least Overlap: each edge moves by up
// to a third of its side.
func (m *InsLoc) moved(s *graph.Scope, r *graph.Random, box *graph.Node) *graph.Node {
	if m.Overlap == 1 {
		return box
	}
	n := op.ShapeOf(box)[0]
	edge := func(x *graph.Node, i int) *graph.Node { return op.Slice(x, 2, i, i+1) }
	own := op.Reshape(box, n, 1, 4)
	width, height := op.Sub(edge(own, 2), edge(own, 0)), op.Sub(edge(own, 3), edge(own, 1))
	sides := op.Concat(2, width, height, width, height)
	shift := op.Mul(op.Affine(r.Uniform(n, candidates-1, 4), 2./3, -1./3), sides)
	all := op.Concat(1, op.Add(own, shift), own) // [n,candidates,4]
	near := op.Greater(intersectionOverUnion(all, own), s.Constant(m.Overlap-1e-6))
	first := op.Argmax(op.Reshape(near, n, candidates)) // the own one overlaps wholly
	return op.StopGradient(op.Reshape(op.GatherTokens(all, op.Reshape(first, n, 1)), n, 4))
}

// intersectionOverUnion of boxes [n,k,4] with another each [n,1,4], [n,k,1].
func intersectionOverUnion(a, b *graph.Node) *graph.Node {
	edge := func(x *graph.Node, i int) *graph.Node { return op.Slice(x, 2, i, i+1) }
	area := func(x *graph.Node) *graph.Node {
		return op.Mul(op.Sub(edge(x, 2), edge(x, 0)), op.Sub(edge(x, 3), edge(x, 1)))
	}
	along := func(low, high int) *graph.Node {
		from := largest(edge(a, low), edge(b, low))
		to := op.Neg(largest(op.Neg(edge(a, high)), op.Neg(edge(b, high))))
		return op.Relu(op.Sub(to, from))
	}
	both := op.Mul(along(0, 2), along(1, 3))
	return op.Div(both, op.Sub(op.Add(area(a), area(b)), both))
}

// other is x [B,...] with every image in place of the one before it.
func other(x *graph.Node) *graph.Node {
	n := op.ShapeOf(x)[0]
	return op.Concat(0, op.Slice(x, 0, 1, n), op.Slice(x, 0, 0, 1))
}
