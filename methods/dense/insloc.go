package dense

import (
	"errors"

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
// box is moved, the first of some random boxes near the paste's that overlap with it enough; in the paper an anchor of
// a region proposal network that does. Pastes are resized with antialiasing.
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
