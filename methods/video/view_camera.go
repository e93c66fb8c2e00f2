package video

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// motion takes a point in front of the middle frame's camera to where another frame's camera has it: turned, then
// moved by to, both [B,1,1]. Without turns nothing turns.
type motion struct {
	turn [3][3]*graph.Node
	to   [3]*graph.Node
}

// camera gives the motion from the middle frame of views x [B,F,H,W,C] to another one.
func (m *MonoDepth) camera(s *graph.Scope, b *methods.Batch, x *graph.Node) func(f int) motion {
	size := op.ShapeOf(x)
	n, middle := size[0], methods.Surveyed(size[1])
	column := func(v *graph.Node, k int) *graph.Node { return op.Reshape(op.Slice(v, 1, k, k+1), n, 1, 1) }
	if m.Camera == "known" {
		way := b.Field("camera") // [B,F,2], in the view's width and height
		tall := float64(size[2]) / float64(size[3])
		return func(f int) motion {
			moved := op.Reshape(op.Sub(op.Slice(way, 1, middle, middle+1), op.Slice(way, 1, f, f+1)), n, 2)
			return motion{to: [3]*graph.Node{op.Scale(column(moved, 0), 1/m.Focal),
				op.Scale(column(moved, 1), tall/m.Focal), nil}}
		}
	}
	numbers := 2
	if m.Motion == "free" {
		numbers = 6
	}
	pose := poseNet(s.In("pose"), 2*size[4], numbers)
	return func(f int) motion {
		v := pose(op.Concat(3, op.At(x, 1, middle), op.At(x, 1, f))) // [B,2 or 6]
		to := [3]*graph.Node{column(v, 0), column(v, 1), nil}
		if numbers == 2 {
			return motion{to: to}
		}
		to[2] = column(v, 2)
		return motion{turned(column(v, 3), column(v, 4), column(v, 5)), to}
	}
}

// poseNet tells a camera's motion from two frames, channel behind channel: convolutions at stride 2, the mean over all
// places, and a linear layer whose outputs are scaled down, so that it begins with cameras that hardly move (by 0.01 in
// the code of Zhou et al., whose scenes are far away).
func poseNet(s *graph.Scope, channels, numbers int) layer.Func {
	var layers []layer.Func
	for i, width := range []int{16, 32, 64} {
		at := s.In(fmt.Sprint(i))
		layers = append(layers, layer.Conv(at.In("conv"), channels, width, 3, 2),
			layer.BatchNorm(at.In("norm"), width), layer.Relu)
		channels = width
	}
	say := layer.Dense(s.In("tell"), channels, numbers)
	return layer.Chain(append(layers, op.GlobalAvgPool, say,
		func(v *graph.Node) *graph.Node { return op.Scale(v, 0.1) })...)
}

// turned is the rotation by three angles [B,1,1], about the axes to the right, down and forward: that about the last
// comes first.
func turned(x, y, z *graph.Node) [3][3]*graph.Node {
	cx, sx, cy, sy, cz, sz := op.Cos(x), op.Sin(x), op.Cos(y), op.Sin(y), op.Cos(z), op.Sin(z)
	sxsy, cxsy := op.Mul(sx, sy), op.Mul(cx, sy)
	return [3][3]*graph.Node{
		{op.Mul(cy, cz), op.Neg(op.Mul(cy, sz)), sy},
		{op.Add(op.Mul(cx, sz), op.Mul(sxsy, cz)), op.Sub(op.Mul(cx, cz), op.Mul(sxsy, sz)), op.Neg(op.Mul(sx, cy))},
		{op.Sub(op.Mul(sx, sz), op.Mul(cxsy, cz)), op.Add(op.Mul(sx, cz), op.Mul(cxsy, sz)), op.Mul(cx, cy)},
	}
}

// project is where another camera shows what the pixels of a frame show, whose depth is [B,H,W]: points [B,H,W,2], as
// layer.Sample has them, and 1 where these are within the other frame, else 0 [B,H,W]. Pixels are a pinhole camera's
// of a focal length in widths.
func project(s *graph.Scope, depth *graph.Node, m motion, focal float64) (points, within *graph.Node) {
	size := op.ShapeOf(depth)
	h, w := size[1], size[2]
	scale := focal * float64(w)
	rays := [2][]float64{}
	for i := range h * w {
		rays[0] = append(rays[0], (float64(i%w)-float64(w-1)/2)/scale)
		rays[1] = append(rays[1], (float64(i/w)-float64(h-1)/2)/scale)
	}
	name := func(axis string) string { return fmt.Sprintf("const/rays%s/%dx%d_%v", axis, h, w, focal) }
	p := [3]*graph.Node{op.Mul(depth, s.Floats(name("x"), rays[0], 1, h, w)),
		op.Mul(depth, s.Floats(name("y"), rays[1], 1, h, w)), depth}
	q := p
	for i := range q {
		if m.turn[i][0] != nil {
			q[i] = op.Sum(op.Mul(m.turn[i][0], p[0]), op.Mul(m.turn[i][1], p[1]), op.Mul(m.turn[i][2], p[2]))
		}
		if m.to[i] != nil {
			q[i] = op.Add(q[i], m.to[i])
		}
	}
	away := op.Reciprocal(layer.AtLeast(q[2], 1e-3))
	at := func(k, cells int) (v, in *graph.Node) {
		v = op.Affine(op.Mul(q[k], away), scale, float64(cells-1)/2)
		return v, op.Mul(op.Less(v, s.Constant(float64(cells)-0.5)), op.Greater(v, s.Constant(-0.5)))
	}
	x, inX := at(0, w)
	y, inY := at(1, h)
	both := []*graph.Node{op.Reshape(x, size[0], h, w, 1), op.Reshape(y, size[0], h, w, 1)}
	return op.Concat(3, both...), op.Mul(inX, inY)
}
