package layer

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Sample reads maps x [B,H,W,C] at points [B,h,w,2] of each: bilinear interpolation, [B,h,w,C]. A point is to the right
// and down, in cells of the map, whose centres are whole numbers; points beyond the outermost centres are moved to
// them. Both operands have a gradient; that of a point on the line between two cells is of the cell after it.
//
// Jaderberg et al. 2015, arXiv:1506.02025, eq. 5 to 7; torch's grid_sample with padding_mode = "border".
func Sample(s *graph.Scope, x, points *graph.Node) *graph.Node {
	size, at := op.ShapeOf(x), op.ShapeOf(points)
	if len(size) != 4 || len(at) != 4 || at[0] != size[0] || at[3] != 2 {
		op.Fail(s.Path(), "sample: maps %v at points %v; want [B,H,W,C] and [B,h,w,2]", op.TypeOf(x), op.TypeOf(points))
	}
	b, h, w, c, n := size[0], size[1], size[2], size[3], at[1]*at[2]
	if h*w >= 1<<24 {
		op.Fail(s.Path(), "sample: maps of %dx%d cells; want fewer than %d, whose numbers float32 holds", h, w, 1<<24)
	}
	// of an axis: the cell before each point, and the point's way from its centre to the next, [B,N,1]
	along := func(axis, cells int) (before, way *graph.Node) {
		p := AtMost(AtLeast(op.Reshape(op.Slice(points, 3, axis, axis+1), b, n, 1), 0), float64(cells-1))
		before = op.StopGradient(AtMost(s.Float(op.Int(p)), float64(max(cells-2, 0))))
		return before, op.Sub(p, before)
	}
	left, right := along(0, w)
	top, down := along(1, h)
	first := op.Reshape(op.Add(op.Scale(top, float64(w)), left), b, n)
	table := op.Reshape(x, b, h*w, c)
	cell := func(more int) *graph.Node { return op.GatherTokens(table, op.Int(op.Shift(first, float64(more)))) }
	between := func(a, b, way *graph.Node) *graph.Node { return op.Add(a, op.Mul(op.Sub(b, a), way)) }
	stepX, stepY := min(w-1, 1), min(h-1, 1)*w
	upper := between(cell(0), cell(stepX), right)
	lower := between(cell(stepY), cell(stepY+stepX), right)
	return op.Reshape(between(upper, lower, down), b, at[1], at[2], c)
}

// Places is the centres of the cells of maps of h x w cells, [1,h,w,2], as Sample has points.
func Places(s *graph.Scope, h, w int) *graph.Node {
	v := make([]float64, 0, 2*h*w)
	for i := range h * w {
		v = append(v, float64(i%w), float64(i/w))
	}
	return s.Floats(fmt.Sprintf("const/places%dx%d", h, w), v, 1, h, w, 2)
}
