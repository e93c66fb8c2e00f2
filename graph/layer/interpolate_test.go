package layer_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// A resize to the same size is the map itself, to the bit; so are positions on the grid that they were learned for.
func TestInterpolateToTheSameSize(t *testing.T) {
	x := []float64{1. / 3, 2, 3, 4, 5, 6e7}
	for _, mode := range []string{"bilinear", "bicubic", "nearest"} {
		got := run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
			return layer.Interpolate2D(s, s.Input("x", 1, 2, 3, 1),
				layer.Interpolation{Mode: mode, Height: 2, Width: 3})
		})
		for i, w := range x {
			if got[i] != w {
				t.Errorf("%s: got %v, want %v", mode, got, x)
				break
			}
		}
	}
	got := run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
		return layer.Positions(s, s.Input("x", 6, 1), [2]int{1, 5}, [2]int{1, 5})
	})
	if got[1] != x[1] || len(got) != len(x) {
		t.Errorf("positions: got %v, want %v", got, x)
	}
}

// A constant image stays one at any size, and rows of other tokens stay in front of the positions of a grid of any
// shape.
func TestInterpolateConstants(t *testing.T) {
	ones := make([]float64, 4*6*2)
	for i := range ones {
		ones[i] = 1
	}
	for _, o := range []layer.Interpolation{
		{Mode: "bilinear", Height: 7, Width: 2}, {Mode: "bicubic", Height: 3, Width: 9},
		{Mode: "bicubic", Height: 3, Width: 9, Antialias: true},
		{Mode: "bilinear", Height: 1, Width: 1, AlignCorners: true}, {Mode: "nearest", Height: 8, Width: 5},
	} {
		for i, v := range run(t, ir.F64, map[string][]float64{"x": ones}, func(s *scope) *op.Node {
			return layer.Interpolate2D(s, s.Input("x", 1, 4, 6, 2), o)
		}) {
			if v < 1-1e-12 || v > 1+1e-12 {
				t.Errorf("%+v: element %d is %v, want 1", o, i, v)
			}
		}
	}
	pos := []float64{-7, -8, 3, 3, 3, 3, 3, 3}
	got := run(t, ir.F64, map[string][]float64{"x": pos}, func(s *scope) *op.Node {
		return layer.Positions(s, s.Input("x", 8, 1), [2]int{2, 3}, [2]int{1, 4})
	})
	if want := []float64{-7, -8, 3, 3, 3, 3}; len(got) != len(want) || got[0] != -7 || got[1] != -8 {
		t.Errorf("positions: got %v, want about %v", got, want)
	}
}

func TestInterpolateErrors(t *testing.T) {
	for _, c := range []struct {
		build func(s *scope)
		want  string
	}{
		{func(s *scope) {
			layer.Interpolate2D(s, s.Input("x", 2, 3, 1), layer.Interpolation{Mode: "bilinear", Height: 1, Width: 1})
		}, "x is [2,3,1], want [B,H,W,C]"},
		{func(s *scope) {
			layer.Interpolate2D(s, s.Input("x", 1, 2, 3, 1), layer.Interpolation{Mode: "cubic", Height: 1, Width: 1})
		}, `mode "cubic" to 1x1, want bilinear, bicubic or nearest`},
		{func(s *scope) {
			layer.Interpolate2D(s, s.Input("x", 1, 2, 3, 1),
				layer.Interpolation{Mode: "nearest", Height: 1, Width: 1, Antialias: true})
		}, "without antialiasing"},
		{func(s *scope) { layer.Positions(s, s.Input("x", 5, 1), [2]int{2, 3}, [2]int{1, 4}) },
			"[5,1] are no grid of 2x3 tokens"},
		{func(s *scope) { s.Floats("m", []float64{1, 2}, 3) }, "constant m has 2 values, want the 3 of [3]"},
		{func(s *scope) { s.Floats("m", []float64{1, 2}, 2); s.Floats("m", []float64{1, 3}, 2) },
			"the constant m is declared twice, with values that differ"},
	} {
		if _, err := graph.Build(graph.Options{}, c.build); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one that says %q", err, c.want)
		}
	}
}
