package backbones_test

import (
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// A ViT of any kind of positions takes images of another size, over the same parameters, unless it mixes all tokens; a
// method that leaves patches out cannot where positions are in the attention.
func TestViTSizes(t *testing.T) {
	img := backbones.Pixels(4, 6, 2)
	for name, v := range viTs {
		t.Run(name, func(t *testing.T) {
			mixes := v.Attention == "linformer"
			inside := v.Position == "rotary" || v.Relative != "none" || mixes || v.Attention == "window"
			_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
				f := v.New(s.In("backbone"), img)
				f(s.Input("x", 3, 4, 6, 2))
				n := len(s.Params())
				y := f(s.Input("larger", 3, 8, 4, 2))
				if got, want := op.ShapeOf(y), (ir.Shape{3, v.Dim()}); !got.Equal(want) || len(s.Params()) != n {
					t.Errorf("features are %v, want %v; %d parameters, before %d", got, want, len(s.Params()), n)
				}
			})
			if refused := err != nil; refused != mixes {
				t.Errorf("a larger image: %v; want a refusal: %v", err, mixes)
			}
			_, err = graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
				e := v.NewTokens(s.In("backbone"), img)
				e.Encode(op.Slice(e.Embed(s.Input("x", 3, 4, 6, 2)), 1, 0, 2))
			})
			if refused := err != nil; refused != inside {
				t.Errorf("two of six patches: %v; want a refusal: %v", err, inside)
			}
		})
	}
}
