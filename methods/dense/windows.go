package dense

import (
	"fmt"
	"slices"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
)

// window is the part of its image that a view shows, each [B,1]: where it begins and its size, in fractions of the
// image's height and width, and 1 where it is mirrored.
type window struct{ top, left, height, width, mirrored, upside *graph.Node }

// windowOf asks a batch which window view v shows. Views that are turned stop the build: their windows are no upright
// rectangles.
func windowOf(b *methods.Batch, v int) window {
	name := feed.Params(v)
	of, p := b.Of(name), b.Params(v)
	at := func(column string) int {
		i := slices.Index(of.Columns, column)
		if i < 0 {
			op.Fail("", "%s has no column %s; want images, whose views say where they are from", name, column)
		}
		return i
	}
	for _, turn := range []struct{ column, setting string }{{"quarter_turns", "quarter_turn"}, {"degrees", "rotate"}} {
		if i := at(turn.column); of.Range != nil && of.Range[i] > 0 {
			op.Fail("", "views.%s is above 0: this method follows places of an image through crops and flips; want "+
				"views.%s = 0", turn.setting, turn.setting)
		}
	}
	take := func(column string) *graph.Node { i := at(column); return op.StopGradient(op.Slice(p, 1, i, i+1)) }
	return window{top: take("crop_top"), left: take("crop_left"), height: take("crop_height"),
		width: take("crop_width"), mirrored: take("flip"), upside: take("vertical_flip")}
}

// mirror is a fraction [B,n] of a view, seen from the other side where flipped [B,1] is 1.
func mirror(fraction, flipped *graph.Node) *graph.Node {
	return op.Add(op.Mul(fraction, op.Affine(flipped, -2, 1)), flipped)
}

// cells are the centres of h rows and w columns of cells of the view, [B,h*w,2], as fractions of the image's height
// and width.
func (o window) cells(s *graph.Scope, h, w int) *graph.Node {
	n := op.ShapeOf(o.top)[0]
	centres := func(count int, flipped, size, start *graph.Node) *graph.Node { // [B,count]
		v := make([]float64, count)
		for i := range v {
			v[i] = (float64(i) + 0.5) / float64(count)
		}
		at := s.Floats(fmt.Sprintf("const/centres%d", count), v, 1, count)
		return op.Add(op.Mul(mirror(at, flipped), size), start)
	}
	y := op.Reshape(centres(h, o.upside, o.height, o.top), n, h, 1, 1)
	x := op.Reshape(centres(w, o.mirrored, o.width, o.left), n, 1, w, 1)
	grid := ir.Shape{n, h, w, 1}
	return op.Reshape(op.Concat(3, op.BroadcastTo(y, grid), op.BroadcastTo(x, grid)), n, h*w, 2)
}

// shared is the rectangle of the view that another view shows too, [B,4]: left, top, right and bottom in fractions of
// the view, and 1 where there is one [B,1].
func (o window) shared(other window) (box, there *graph.Node) {
	along := func(start, size, flipped, start2, size2 *graph.Node) (low, high *graph.Node) {
		low = largest(start, start2)
		high = op.Neg(largest(op.Neg(op.Add(start, size)), op.Neg(op.Add(start2, size2))))
		low, high = op.Div(op.Sub(low, start), size), op.Div(op.Sub(high, start), size)
		a, b := mirror(low, flipped), mirror(high, flipped)
		return op.Sub(op.Add(a, b), largest(a, b)), largest(a, b)
	}
	top, bottom := along(o.top, o.height, o.upside, other.top, other.height)
	left, right := along(o.left, o.width, o.mirrored, other.left, other.width)
	there = op.Mul(reaches(o.top, o.height, other.top, other.height), reaches(o.left, o.width, other.left, other.width))
	return op.Concat(1, left, top, right, bottom), there
}

// overlap is what two views both show: where it is in the first and in the second, in fractions of the view [B,4], and
// 1 where there is anything [B,1]; nil: everywhere.
type overlap struct{ first, second, there *graph.Node }

// reaches is 1 where two spans have more than a point in common.
func reaches(start, size, start2, size2 *graph.Node) *graph.Node {
	return op.Mul(op.Less(start, op.Add(start2, size2)), op.Less(start2, op.Add(start, size)))
}

// largest is the larger of two numbers.
func largest(a, b *graph.Node) *graph.Node { return op.Add(a, op.Relu(op.Sub(b, a))) }
