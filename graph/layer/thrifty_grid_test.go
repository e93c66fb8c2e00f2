package layer_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

const (
	gridHeads, gridDim = 2, 3
	gridBatch          = 2
)

// onGrid is what attention of qkv by formula makes of tokens on a grid.
func onGrid(t *testing.T, o layer.Thrifty, g layer.Grid, keys []float64) []float64 {
	t.Helper()
	in := map[string][]float64{"x": ramp(gridBatch * g.Tokens() * 3 * gridHeads * gridDim)}
	return run(t, ir.F64, in, func(s *scope) *op.Node {
		var there *op.Node
		if keys != nil {
			there = s.Floats("keys", keys, gridBatch, g.Tokens())
		}
		f := o.New(s, g.Rows*g.Columns, gridDim)
		return f(s.Input("x", gridBatch, g.Tokens(), 3, gridHeads, gridDim), there, g)
	})
}

// among is full attention of the same qkv, with a mask.
func among(t *testing.T, g layer.Grid, bias []float64, keys []float64) []float64 {
	t.Helper()
	n := g.Tokens()
	in := map[string][]float64{"x": ramp(gridBatch * n * 3 * gridHeads * gridDim)}
	return run(t, ir.F64, in, func(s *scope) *op.Node {
		x := s.Input("x", gridBatch, n, 3, gridHeads, gridDim)
		if bias == nil && keys == nil {
			return op.Attention(x, 1/math.Sqrt(gridDim))
		}
		var m layer.Mask
		if bias != nil {
			m.Bias = s.Floats("bias", bias, n, n)
		}
		if keys != nil {
			m.Keys = s.Floats("keys", keys, gridBatch, n)
		}
		part := func(i int) *op.Node {
			return op.Reshape(op.Slice(x, 2, i, i+1), gridBatch, n, gridHeads, gridDim)
		}
		return layer.Attend(s, part(0), part(1), part(2), m)
	})
}

// One window is full attention, with tokens without a place and without.
func TestOneWindowIsFull(t *testing.T) {
	for _, g := range []layer.Grid{{Rows: 2, Columns: 3}, {Special: 2, Rows: 3, Columns: 3}} {
		for _, shift := range []bool{false, true} {
			o := layer.Thrifty{Kind: "window", Size: 3, Shift: shift}
			closeTo(t, fmt.Sprint(g, shift), onGrid(t, o, g, nil), among(t, g, nil, nil))
		}
	}
}

// Windows give what full attention gives whose scores of other windows are far below: tokens without a place attend
// to all and are attended to, also where windows are shifted and where keys are missing.
func TestGridWindows(t *testing.T) {
	for _, special := range []int{0, 1, 3} {
		for _, shift := range []bool{false, true} {
			for _, padding := range []bool{false, true} {
				g := layer.Grid{Special: special, Rows: 4, Columns: 6}
				n := g.Tokens()
				of := func(token int) [2]int { // a token's window: the shifted ones begin at 1
					at, by := token-special, 0
					if shift {
						by = 1
					}
					return [2]int{(at/g.Columns + by) / 2, (at%g.Columns + by) / 2}
				}
				bias := make([]float64, n*n)
				for i := range bias {
					if q, k := i/n, i%n; q >= special && k >= special && of(q) != of(k) {
						bias[i] = far
					}
				}
				var keys []float64
				if padding { // of every window something is left
					keys = make([]float64, gridBatch*n)
					for i := range keys {
						if i%n < special || i%5 != 2 {
							keys[i] = 1
						}
					}
				}
				o := layer.Thrifty{Kind: "window", Size: 2, Shift: shift}
				got, want := onGrid(t, o, g, keys), among(t, g, bias, keys)
				for i := range want { // what is missing may be a window of its own
					if token := i / (gridHeads * gridDim); keys == nil || keys[token] == 1 {
						closeTo(t, fmt.Sprint(special, shift, padding), got[i:i+1], want[i:i+1])
					}
				}
			}
		}
	}
}

// Linformer whose matrices mix nothing is full attention, with tokens beside the mixed ones; a missing key among those
// is missed.
func TestLinformerOnGrid(t *testing.T) {
	g := layer.Grid{Special: 2, Rows: 2, Columns: 2}
	n, patches := g.Tokens(), g.Rows*g.Columns
	in := map[string][]float64{"x": ramp(gridBatch * n * 3 * gridHeads * gridDim)}
	missing := []float64{1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for _, keys := range [][]float64{nil, missing} {
		got := run(t, ir.F64, in, func(s *scope) *op.Node {
			s.Param("mix_keys", identity(patches), patches, patches)
			s.Param("mix_values", identity(patches), patches, patches)
			var there *op.Node
			if keys != nil {
				there = s.Floats("keys", keys, gridBatch, n)
			}
			f := layer.Thrifty{Kind: "linformer", Size: patches}.New(s, patches, gridDim)
			return f(s.Input("x", gridBatch, n, 3, gridHeads, gridDim), there, g)
		})
		closeTo(t, "linformer", got, among(t, g, nil, keys))
	}
}

// Windows that tile nothing are refused with the nearest that do.
func TestWindowsRefuse(t *testing.T) {
	for _, c := range []struct{ size, h, w, near int }{{5, 14, 14, 7}, {4, 14, 14, 2}, {3, 14, 14, 2}, {3, 8, 12, 4},
		{6, 8, 8, 8}, {9, 4, 4, 4}} {
		if got := layer.NearestWindow(c.size, c.h, c.w); got != c.near {
			t.Errorf("windows of %d in %dx%d: nearest is %d, want %d", c.size, c.h, c.w, got, c.near)
		}
	}
	_, err := graph.Build(graph.Options{}, func(s *scope) {
		g := layer.Grid{Rows: 14, Columns: 14}
		layer.Thrifty{Kind: "window", Size: 5}.New(s, 196, 4)(s.Input("x", 1, 196, 3, 1, 4), nil, g)
	})
	if err == nil || !strings.Contains(err.Error(), "the nearest that do are of 7") {
		t.Errorf("windows of 5 in 14x14: %v", err)
	}
}

func TestGridGradients(t *testing.T) {
	for _, kind := range []string{"window", "linformer"} {
		t.Run(kind, func(t *testing.T) {
			g := layer.Grid{Special: 2, Rows: 4, Columns: 4}
			optest.CheckGradients(t, func(s *scope) *op.Node {
				o := layer.Block{Dim: 4, Heads: 2, Hidden: 3, Thrifty: &layer.Thrifty{Kind: kind, Size: 2},
					Length: g.Rows * g.Columns}
				y := layer.PlacedBlocks(s.In("blocks"), o, 2, 0)(s.Param("x", graph.Normal(1), 2, g.Tokens(), 4), g)
				return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
			}, nil, 4, 1e-6)
		})
	}
}
