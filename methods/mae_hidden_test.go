package methods

import (
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
)

// What Hidden draws alone is what the training graph hides, step by step.
func TestHiddenIsWhatTheTrainingHides(t *testing.T) {
	img := backbones.Image{H: 16, W: 16, C: 1}
	v := backbones.DefaultViT()
	v.Patch, v.Channels, v.Depth, v.Heads, v.Position = 4, 8, 1, 2, "sincos"
	m := &MAE{Mask: 0.75, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2}
	run := func(rows int, build func(s *graph.Scope) *graph.Node) func(step int) []float64 {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { s.Output("hidden", build(s)) })
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(cpu.Backend{}, graph.NewStore(5))
		if err != nil {
			t.Fatal(err)
		}
		return func(step int) []float64 {
			p.Schedule(graph.Time{Step: step, Steps: 10})
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			out, err := p.Output("hidden")
			if err != nil {
				t.Fatal(err)
			}
			values := make([]float64, rows*16)
			for i := range values {
				values[i] = out.At(i)
			}
			return values
		}
	}
	training := run(4, func(s *graph.Scope) *graph.Node {
		e := v.NewTokens(s.In("backbone"), img)
		return m.Reconstruct(s, e, s.Input("view0", 4, 16, 16, 1), m.noise(s, 4, 16)).Hidden
	})
	alone := run(3, func(s *graph.Scope) *graph.Node { return m.Hidden(s, 3, 16) })
	for step := range 3 {
		want, got := training(step), alone(step)
		hidden := 0
		for i, g := range got {
			if g != want[i] {
				t.Fatalf("step %d, patch %d of image %d: drawn alone %v, the training has %v", step, i%16, i/16, g, want[i])
			}
			hidden += int(g)
		}
		if hidden != 3*12 {
			t.Errorf("step %d hides %d patches of 3 images, want 12 of 16 each", step, hidden)
		}
	}
}
