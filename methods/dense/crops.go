package dense

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
)

// cropped is boxes [B,P,4] of images x [B,H,W,C], each resized to a square of size pixels: [B*P,size,size,C]. A new
// pixel is the mean of the pixels about it, weighed by a triangle as wide as new pixels are apart, or as pixels are
// where the box is smaller, as in PIL's bilinear filter. Boxes have their centre inside the image.
func cropped(s *graph.Scope, x, boxes *graph.Node, size int) *graph.Node {
	shape := op.ShapeOf(x)
	b, h, w, c := shape[0], shape[1], shape[2], shape[3]
	p := op.ShapeOf(boxes)[1]
	rows := crossing(s, boxes, 1, h, size)    // [B,P,size,H]
	columns := crossing(s, boxes, 0, w, size) // [B,P,size,W]
	y := op.MatMul(op.Reshape(rows, b, p*size, h), op.Reshape(x, b, h, w*c), false, false)
	y = op.Transpose(op.Reshape(y, b*p, size, w, c), 0, 2, 1, 3) // [B*P,W,size,C]
	y = op.MatMul(op.Reshape(columns, b*p, size, w), op.Reshape(y, b*p, w, size*c), false, false)
	return op.Transpose(op.Reshape(y, b*p, size, size, c), 0, 2, 1, 3)
}

// crossing is what every pixel of an axis of n gives to every one of size new pixels along it, [B,P,size,n]: axis 0 is
// x, 1 is y.
func crossing(s *graph.Scope, boxes *graph.Node, axis, n, size int) *graph.Node {
	b, p := op.ShapeOf(boxes)[0], op.ShapeOf(boxes)[1]
	part := func(k int) *graph.Node { return op.Reshape(op.Slice(boxes, 2, k, k+1), b, p, 1, 1) }
	new, old := make([]float64, size), make([]float64, n)
	for i := range new {
		new[i] = (float64(i)+0.5)/float64(size) - 0.5
	}
	for i := range old {
		old[i] = float64(i) + 0.5
	}
	span := op.Scale(part(2+axis), float64(n)) // pixels
	at := op.Add(op.Scale(part(axis), float64(n)), op.Mul(span, s.Floats(fmt.Sprintf("const/new%d", size), new, 1, 1,
		size, 1))) // [B,P,size,1]
	width := losses.Larger(op.Scale(span, 1/float64(size)), s.Constant(1))
	off := op.Abs(op.Sub(s.Floats(fmt.Sprintf("const/old%d", n), old, 1, 1, 1, n), at))
	weight := op.Relu(op.Affine(op.Div(off, width), -1, 1))
	return op.Div(weight, op.Shift(op.SumAxes(weight, true, 3), 1e-6))
}
