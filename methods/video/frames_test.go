package video_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/datasets/movers"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/video"
)

// withCamera is clips of three frames of 8x12, in units in which black is -2 and white 2, whose camera is known.
var withCamera = methodtest.Data(feed.Field{Name: "view", Shape: []int{3, 8, 12, 2}, Low: []float32{-2, -2},
	High: []float32{2, 2}}, feed.Field{Name: "camera", Shape: []int{3, 2}},
	feed.Field{Name: "sound_statistics", Shape: []int{6}})

func monodepth(change func(m *video.MonoDepth)) *video.MonoDepth {
	m := video.DefaultMonoDepth()
	m.Width, m.Scales, m.Depths, m.Smoothness = 2, 2, [2]float64{0.5, 4}, 0.1
	change(m)
	return m
}

func ofFrames() map[string]methods.Method {
	return map[string]methods.Method{
		"ego_motion":     &video.EgoMotion{Bins: 5, Reach: 2, Width: 4},
		"moving_objects": &video.MovingObjects{Decoder: video.Decoder{Width: 2}, Movers: movers.Default()},
		"monodepth":      monodepth(func(*video.MonoDepth) {}),
		"monodepth/known": monodepth(func(m *video.MonoDepth) {
			m.Camera, m.Best = "known", false
		}),
		"monodepth/sideways": monodepth(func(m *video.MonoDepth) { m.Motion = "sideways" }),
		"ambient_sound":      &video.AmbientSound{Target: "clusters", Clusters: 3, Iterations: 2, Bits: 2},
		"ambient_sound/code": &video.AmbientSound{Target: "code", Clusters: 3, Iterations: 2, Bits: 2},
	}
}

func TestFrameGradients(t *testing.T) {
	for name, m := range ofFrames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node { return on(s, m, withCamera, 2).Loss() }, nil, 4,
				1e-4)
		})
	}
}

// Settings that cannot work, and frames that are too few, are refused.
func TestFrameRefusals(t *testing.T) {
	for name, m := range ofFrames() {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range []methods.Method{
		&video.EgoMotion{Bins: 1, Reach: 1, Width: 1}, &video.EgoMotion{Bins: 3, Width: 1},
		&video.MovingObjects{Movers: movers.Default()}, &video.AmbientSound{Target: "words", Clusters: 2, Iterations: 1,
			Bits: 1}, monodepth(func(m *video.MonoDepth) { m.Camera = "gone" }),
		monodepth(func(m *video.MonoDepth) { m.Depths[0] = 5 }),
		monodepth(func(m *video.MonoDepth) { m.Motion = "" })} {
		if m.Validate() == nil {
			t.Errorf("%+v is taken", m)
		}
	}
	one := methodtest.Data(feed.Field{Name: "view", Shape: []int{1, 8, 8, 2}}, feed.Field{Name: "camera",
		Shape: []int{1, 2}})
	for name, want := range map[string]string{"ego_motion": "frames = 2", "monodepth": "frames = 2",
		"moving_objects": "2 frames or more"} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { on(s, ofFrames()[name], one, 2) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: of views of one frame: %v", name, err)
		}
	}
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		on(s, monodepth(func(m *video.MonoDepth) { m.Scales = 9 }), withCamera, 2)
	})
	if err == nil || !strings.Contains(err.Error(), "fewer scales") {
		t.Errorf("nine scales of 8x12 pixels: %v", err)
	}
}

// What is told of a frame is a depth within the bounds, or a probability, for each pixel.
func TestSurveys(t *testing.T) {
	for _, name := range []string{"monodepth", "moving_objects"} {
		m := ofFrames()[name].(methods.Surveying)
		got := value(t, 0, func(s *graph.Scope) *graph.Node {
			b := methods.NewBatch(s, 2, withCamera)
			x := op.Add(b.View(0), s.Constant(0.3))
			return m.Survey(s, methods.EncoderOf(perFrame(), b.Of("view0")), b, x)
		})
		low, high := 0.5, 4.0
		if m.Surveys() == methods.Moving {
			low, high = 0, 1
		}
		if len(got) != 2*8*12 {
			t.Fatalf("%s: %d numbers", name, len(got))
		}
		for _, v := range got {
			if !(v > low && v < high) || math.IsNaN(v) {
				t.Fatalf("%s tells %v of a pixel, want %v to %v", name, v, low, high)
			}
		}
	}
}
