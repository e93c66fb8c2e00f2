package layer

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Region is how a rectangle of a map is brought to a grid of bins.
type Region struct {
	Size int // bins along each side
	// points that a bin is the mean of, along each side; 0: as many as cells of the map lie on a bin, rounded up, for
	// rectangles no larger than the map
	Samples int
}

// RoIAlign is a rectangle of every map x [N,H,W,C] on a grid of bins, [N,Size,Size,C]: each bin is the mean over points
// spread evenly on it, of the map's bilinear interpolation there. boxes [N,4] are left, top, right and bottom in cells
// of the map, from the outer corner of its first cell. Points more than half a cell outside the map's border cells are
// 0, as are all of a rectangle without area. x has a gradient, boxes have none.
//
// He, Gkioxari, Dollar, Girshick, ICCV 2017, arXiv:1703.06870, section 3; with torchvision's aligned = true. As a bin's
// points are a grid, it is a product with a matrix of weights along each axis.
func RoIAlign(s *graph.Scope, x, boxes *graph.Node, r Region) *graph.Node {
	size, b := op.ShapeOf(x), op.ShapeOf(boxes)
	if len(size) != 4 || len(b) != 2 || b[0] != size[0] || b[1] != 4 || r.Size < 1 {
		op.Fail(s.Path(), "roi align: maps %v and boxes %v to %d bins of side; want [N,H,W,C], [N,4] and 1 or more",
			op.TypeOf(x), op.TypeOf(boxes), r.Size)
	}
	n, h, w, c, k := size[0], size[1], size[2], size[3], r.Size
	edge := func(i int) *graph.Node { return op.Slice(op.StopGradient(boxes), 1, i, i+1) } // [N,1]
	rows := r.weights(s, edge(1), edge(3), h)                                              // [N,k,H]
	columns := r.weights(s, edge(0), edge(2), w)
	y := op.MatMul(rows, op.Reshape(x, n, h, w*c), false, false)   // [N,k,W*C]
	y = op.Transpose(op.Reshape(y, n, k, w, c), 0, 2, 1, 3)        // [N,W,k,C]
	y = op.MatMul(columns, op.Reshape(y, n, w, k*c), false, false) // [N,k,k*C]
	return op.Transpose(op.Reshape(y, n, k, k, c), 0, 2, 1, 3)     // rows first
}

// weights [N,Size,cells] are what each cell of an axis gives to the bins of spans from low to high [N,1].
func (r Region) weights(s *graph.Scope, low, high *graph.Node, cells int) *graph.Node {
	n, points := op.ShapeOf(low)[0], r.Samples
	if points == 0 {
		points = int(math.Ceil(float64(cells) / float64(r.Size)))
	}
	along := func(name string, count, axis int) *graph.Node { // 0, 1 ... along one of four axes
		v, shape := make([]float64, count), []int{1, 1, 1, 1}
		for i := range v {
			v[i] = float64(i)
		}
		shape[axis] = count
		return s.Floats(fmt.Sprintf("const/region/%s%d", name, count), v, shape...)
	}
	bin := op.Reshape(op.Scale(op.Sub(high, low), 1/float64(r.Size)), n, 1, 1, 1)
	start := op.Reshape(op.Shift(low, -0.5), n, 1, 1, 1)
	point, count := along("point", points, 2), s.Constant(float64(points))
	var used *graph.Node
	if r.Samples == 0 {
		used = op.Less(point, bin) // [N,1,P,1]
		count = AtLeast(op.SumAxes(used, true, 2), 1)
	}
	within := op.Div(op.Shift(point, 0.5), count)                                            // of a bin
	y := op.Add(start, op.Mul(op.Add(along("bin", r.Size, 1), within), bin))                 // [N,k,P,1]
	away := op.Abs(op.Sub(AtMost(AtLeast(y, 0), float64(cells-1)), along("cell", cells, 3))) // [N,k,P,cells]
	outside := op.Add(op.Less(y, s.Constant(-1)), op.Greater(y, s.Constant(float64(cells))))
	near := op.Mul(op.Relu(op.Affine(away, -1, 1)), op.Affine(outside, -1, 1))
	if used != nil {
		near = op.Mul(near, used)
	}
	sum := op.Div(op.SumAxes(near, true, 2), count)
	return op.Reshape(sum, n, r.Size, cells)
}

// AtLeast is x, or a bound where x is below it.
func AtLeast(x *graph.Node, low float64) *graph.Node {
	return op.Shift(op.Relu(op.Shift(x, -low)), low)
}

// AtMost is x, or a bound where x is above it.
func AtMost(x *graph.Node, high float64) *graph.Node {
	return op.Affine(op.Relu(op.Affine(x, -1, high)), -1, high)
}
