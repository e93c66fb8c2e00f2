package dense

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// pasted is images back [B,H,W,C] with images front [B,h,w,C] over them, each resized into a box [B,4] of whole pixels
// of the image behind it: left, top, right, bottom. The filter is bilinear, as wide as the new pixels where these are
// larger.
func pasted(s *graph.Scope, front, back, box *graph.Node) *graph.Node {
	f, b := op.ShapeOf(front), op.ShapeOf(back)
	n, h, w, c := f[0], f[1], f[2], f[3]
	edge := func(i int) *graph.Node { return op.Slice(box, 1, i, i+1) }
	rows, y := resizing(s, edge(1), edge(3), h, b[1])    // [B,H,h], [B,H]
	columns, x := resizing(s, edge(0), edge(2), w, b[2]) // [B,W,w], [B,W]
	z := op.MatMul(rows, op.Reshape(front, n, h, w*c), false, false)
	z = op.Transpose(op.Reshape(z, n, b[1], w, c), 0, 2, 1, 3) // [B,w,H,C]
	z = op.MatMul(columns, op.Reshape(z, n, w, b[1]*c), false, false)
	z = op.Transpose(op.Reshape(z, n, b[2], b[1], c), 0, 2, 1, 3) // [B,H,W,C]
	covered := op.Mul(op.Reshape(y, n, b[1], 1, 1), op.Reshape(x, n, 1, b[2], 1))
	return op.Add(z, op.Mul(back, op.Affine(covered, -1, 1)))
}

// resizing is what every one of from pixels gives to each of to pixels of an axis, of which a span from low to high
// [B,1] shows all of them: [B,to,from], 0 outside of the span; and 1 for pixels in it [B,to].
func resizing(s *graph.Scope, low, high *graph.Node, from, to int) (weights, inside *graph.Node) {
	n := op.ShapeOf(low)[0]
	centres := func(count int, shape ...int) *graph.Node {
		v := make([]float64, count)
		for i := range v {
			v[i] = float64(i) + 0.5
		}
		return s.Floats(fmt.Sprintf("const/pixels%d_%d", count, len(shape)), v, shape...)
	}
	pixel := centres(to, 1, to)
	inside = op.Mul(op.Less(low, pixel), op.Less(pixel, high))         // [B,to]
	scale := op.Scale(op.Reciprocal(op.Sub(high, low)), float64(from)) // pixels of the front on one of the back
	at := op.Reshape(op.Mul(op.Sub(pixel, low), scale), n, to, 1)
	wide := op.Reshape(layer.AtLeast(scale, 1), n, 1, 1)
	near := op.Relu(op.Affine(op.Div(op.Abs(op.Sub(at, centres(from, 1, 1, from))), wide), -1, 1)) // [B,to,from]
	outside := op.Affine(op.Reshape(inside, n, to, 1), -1, 1)
	sum := op.Add(op.SumAxes(near, true, 2), outside) // above 0 everywhere
	return op.Div(op.Mul(near, op.Reshape(inside, n, to, 1)), sum), inside
}
