package layer_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// A token reads those of its window: of the map's tiles, or shifted by half a window of those that were neighbours.
func TestWindowBlockReads(t *testing.T) {
	const h, w, window, dim = 4, 8, 4, 4
	for _, c := range []struct {
		shift  bool
		window func(y, x int) [2]int // names a token's window
	}{
		{false, func(y, x int) [2]int { return [2]int{y / window, x / window} }},
		{true, func(y, x int) [2]int { return [2]int{y / window, x / window} }}, // no higher than a window: no shift
	} {
		checkReads(t, h, w, window, dim, c.shift, c.window)
	}
	// Shifted by 2: tiles begin at 2, and what is before and behind them is by itself.
	checkReads(t, 8, 8, 4, dim, true, func(y, x int) [2]int { return [2]int{(y + 2) / 4, (x + 2) / 4} })
	// A map of the size of a window is one window, and so is a smaller one.
	checkReads(t, 4, 4, 4, dim, true, func(int, int) [2]int { return [2]int{} })
	checkReads(t, 2, 2, 4, dim, false, func(int, int) [2]int { return [2]int{} })
}

func checkReads(t *testing.T, h, w, window, dim int, shift bool, of func(y, x int) [2]int) {
	t.Helper()
	block := func(x []float64) []float64 {
		return run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
			o := layer.WindowBlock{Dim: dim, Heads: 2, Window: window, Shift: shift}
			return o.New(s.In("block"), nil)(s.Input("x", 1, h, w, dim))
		})
	}
	base := ramp(h * w * dim)
	before := block(base)
	for j := 0; j < h*w; j += 3 {
		x := append([]float64(nil), base...)
		for c := range dim {
			x[j*dim+c] += math.Cos(float64(c))
		}
		after := block(x)
		for i := range h * w {
			var moved float64
			for c := range dim {
				moved = max(moved, math.Abs(after[i*dim+c]-before[i*dim+c]))
			}
			if want := of(i/w, i%w) == of(j/w, j%w); want != (moved > 1e-9) {
				t.Fatalf("%dx%d, window %d, shift %v: token %d moves by %v with token %d, want a move: %v", h, w,
					window, shift, i, moved, j, want)
			}
		}
	}
}

func TestWindowBlockGradients(t *testing.T) {
	for _, shift := range []bool{false, true} {
		optest.CheckGradients(t, func(s *scope) *op.Node {
			o := layer.WindowBlock{Dim: 4, Heads: 2, Window: 2, Shift: shift}
			y := o.New(s.In("block"), nil)(s.Param("x", graph.Normal(1), 2, 4, 6, 4))
			return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
		}, nil, 4, 1e-6)
	}
}
