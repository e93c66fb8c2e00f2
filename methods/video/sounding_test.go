package video_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/video"
	"selfsup/recipes/overlay"
)

// frames is clips of three frames of 6x6, and a sound of 8 frames of 4 bands.
var withSound = methodtest.Data(feed.Field{Name: "view", Shape: []int{3, 6, 6, 2}},
	feed.Field{Name: "sound", Shape: []int{8, 4, 1}}, feed.Field{Name: "sound_statistics", Shape: []int{6}})

func tower(widths ...int) overlay.Choice[backbones.Backbone] {
	return overlay.Choice[backbones.Backbone]{Name: "convnet", Value: &backbones.ConvNet{Widths: widths}}
}

// on builds a method on a batch of clips whose frames a small convnet sees.
func on(s *graph.Scope, m methods.Method, d methods.Data, samples int) methods.Objective {
	b := methods.NewBatch(s, samples, d)
	return m.Build(s, methods.EncoderOf(perFrame(), b.Of("view0")), b)
}

func perFrame() backbones.Backbone { return &backbones.PerFrame{Tower: tower(3, 4)} }

func sounding() map[string]methods.Method {
	heard := video.Hearing{Sound: tower(3)}
	return map[string]methods.Method{
		"av_contrast": &video.AVContrast{Hearing: heard, Projector: []int{5, 3}, Temperature: 0.5},
		"avc":         &video.AVC{Hearing: heard, Width: 4},
	}
}

func TestSoundGradients(t *testing.T) {
	for name, m := range sounding() {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node { return on(s, m, withSound, 4).Loss() }, nil, 6,
				2e-5)
		})
	}
}

// value is the value of a node of a method's graph in float64, over parameters of a seed and inputs that stay.
func value(t *testing.T, d ir.DType, build func(s *graph.Scope) *graph.Node) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: d, Training: true}, func(s *graph.Scope) { s.Output("y", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return ongraph.Read(t, p, "y")
}

// The loss of towers that cannot tell anything is that of a guess, and a method of sounds says what it lacks.
func TestSounding(t *testing.T) {
	blind := func(s *graph.Scope, m methods.Method) *graph.Node { return on(s, m, withSound, 4).Loss() }
	for name, want := range map[string]float64{"av_contrast": math.Log(4), "avc": math.Ln2} {
		got := value(t, ir.F64, func(s *graph.Scope) *graph.Node { return blind(s, sounding()[name]) })[0]
		if math.Abs(got-want) > 1e-9 { // inputs are all 0
			t.Errorf("%s: of clips and sounds that are all the same the loss is %v, want %v", name, got, want)
		}
	}
	silent := methodtest.Data(feed.Field{Name: "view", Shape: []int{3, 6, 6, 2}})
	for name, m := range sounding() {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { on(s, m, silent, 4) })
		if err == nil || !strings.Contains(err.Error(), `no field "sound"`) {
			t.Errorf("%s: of clips without sound: %v", name, err)
		}
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
	wrong := &video.AVC{Hearing: video.Hearing{Sound: tower(3, 3, 3, 3, 3)}, Width: 4}
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { on(s, wrong, withSound, 4) })
	if err == nil || !strings.Contains(err.Error(), "[method.avc.sound.convnet]") {
		t.Errorf("a tower that the sound is too short for: %v", err)
	}
	for _, m := range []methods.Method{&video.AVC{}, &video.AVContrast{Projector: []int{3}},
		&video.AVContrast{Temperature: 1}} {
		if m.Validate() == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}
