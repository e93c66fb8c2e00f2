package video

import (
	"errors"
	"fmt"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MonoDepth learns how far away everything in a frame is from what it looks like in others: with the depth of the
// view's middle frame, and the camera's motion to another frame, the middle frame is put together from the pixels of
// the other, and should be the same.
//
//	loss = sum over scales of photometric(I, I'(depth, motion)) + smoothness / 2^scale * |grad d*| exp(-|grad I|)
//	photometric = alpha (1 - SSIM)/2 + (1 - alpha) |I - I'|
//
// Godard, Mac Aodha, Brostow, CVPR 2017, arXiv:1609.03677, sections 3.1 and 3.3 (alpha, SSIM on 3x3, smoothness
// aware of edges; two cameras, whose motion is known: camera = "known"); Zhou et al., CVPR 2017, arXiv:1704.07813,
// sections 3.1 to 3.3 (the motion is told by a network of its own: camera = "predicted"). As in Godard et al. 2019,
// arXiv:1806.01260, sections 3.2 and 3.3, every scale's disparity is enlarged to the pixels before it is judged,
// disparities are divided by their mean in the smoothness, and of several other frames the best counts at each pixel.
// Pixels that the other frame does not show count nowhere. The backbone sees one frame, [backbone.per_frame].
type MonoDepth struct {
	Decoder
	Camera     string     `toml:"camera"`     // known: by the data | predicted
	Motion     string     `toml:"motion"`     // of a predicted camera: sideways | free (in all directions, and turning)
	Focal      float64    `toml:"focal"`      // length, in widths of the view
	Depths     [2]float64 `toml:"depths"`     // the nearest and the farthest that can be told
	Alpha      float64    `toml:"alpha"`      // share of the structural similarity
	Smoothness float64    `toml:"smoothness"` // weight
	Scales     int        `toml:"scales"`     // at which disparities are told
	Best       bool       `toml:"best"`       // of several frames the best counts at each pixel, not their mean
}

// DefaultMonoDepth has the settings of Godard et al. 2019.
func DefaultMonoDepth() *MonoDepth {
	return &MonoDepth{Decoder: Decoder{Width: 16}, Camera: "predicted", Motion: "free", Focal: 1,
		Depths: [2]float64{0.1, 100}, Alpha: 0.85, Smoothness: 1e-3, Scales: 4, Best: true}
}

// Validate implements methods.Method.
func (m *MonoDepth) Validate() error {
	bad := []error{m.Decoder.check(), setting.Positive("focal", m.Focal), setting.Within("alpha", m.Alpha, 0, 1),
		setting.Weight("smoothness", m.Smoothness), setting.Least("scales", m.Scales, 1)}
	if m.Camera != "known" && m.Camera != "predicted" {
		bad = append(bad, setting.Bad("camera", "%q: want \"known\" or \"predicted\"", m.Camera))
	}
	if m.Motion != "sideways" && m.Motion != "free" {
		bad = append(bad, setting.Bad("motion", "%q: want \"sideways\" or \"free\"", m.Motion))
	}
	if d := m.Depths; !(d[0] > 0 && d[0] < d[1]) {
		bad = append(bad, setting.Bad("depths", "%v: want the nearest, above 0, and the farthest", d))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method. The features are the middle frame's.
func (m *MonoDepth) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	frames := op.ShapeOf(x)[1]
	if frames < 2 {
		op.Fail("", "views of %d frame: a frame is put together from another; want [clips] frames = 2 or more", frames)
	}
	told, features := m.tell(s, enc, b, x, m.Scales)
	seen := lit(s, x, b.Of("view0"))
	middle := op.At(seen, 1, methods.Surveyed(frames))
	moves := m.camera(s, b, x)
	var terms []methods.Term
	for k, d := range told {
		var errs, shown []*graph.Node
		for f := range frames {
			if f == methods.Surveyed(frames) {
				continue
			}
			at, in := project(s, op.Reciprocal(d), moves(f), m.Focal)
			errs = append(errs, photometric(middle, layer.Sample(s, op.At(seen, 1, f), at), m.Alpha))
			shown = append(shown, inner(in))
		}
		share := 1 / float64(len(told))
		terms = append(terms,
			methods.Term{Name: fmt.Sprintf("photometric%d", k), Weight: share, Value: m.together(s, errs, shown)},
			methods.Term{Name: fmt.Sprintf("smoothness%d", k), Weight: share * m.Smoothness / float64(int(1)<<k),
				Value: smoothness(d, middle)})
	}
	return methods.Objective{Features: features, Terms: terms,
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}}}
}

// tell is the disparities [B,H,W] of the middle frame of views x at so many scales, each enlarged to the pixels, and
// the frame's features [B,D].
func (m *MonoDepth) tell(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node,
	scales int) (told []*graph.Node, features *graph.Node) {
	size := op.ShapeOf(x)
	maps := b.NeedFrameMaps(s, enc)(op.At(x, 1, methods.Surveyed(size[1])))
	far, near := 1/m.Depths[1], 1/m.Depths[0]
	for _, y := range m.Decoder.New(s.In("decoder"), maps, size[2], size[3], 1, scales) {
		y = layer.Interpolate2D(s, y, layer.Interpolation{Mode: "bilinear", Height: size[2], Width: size[3]})
		y = op.Affine(op.Sigmoid(y), near-far, far)
		told = append(told, op.Reshape(y, size[0], size[2], size[3]))
	}
	return told, op.GlobalAvgPool(maps[len(maps)-1])
}

// Surveys implements methods.Surveying.
func (m *MonoDepth) Surveys() string { return methods.Depth }

// Survey implements methods.Surveying.
func (m *MonoDepth) Survey(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) *graph.Node {
	told, _ := m.tell(s, enc, b, x, 1)
	return op.Reciprocal(told[0])
}

// lit is views x in the units in which black is 0 and white is 1, where these are known.
func lit(s *graph.Scope, x *graph.Node, f feed.Field) *graph.Node {
	if f.Low == nil {
		return x
	}
	c := len(f.Low)
	low, scale := make([]float64, c), make([]float64, c)
	for k := range c {
		low[k], scale[k] = float64(f.Low[k]), 1/float64(f.High[k]-f.Low[k])
	}
	return op.Mul(op.Sub(x, s.Floats("const/black", low, c)), s.Floats("const/range", scale, c))
}
