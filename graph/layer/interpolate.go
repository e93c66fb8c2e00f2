package layer

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Interpolation is how feature maps, or position embeddings, are resized: PyTorch's interpolate.
type Interpolation struct {
	Mode          string // bilinear, bicubic or nearest
	Height, Width int    // of the result
	Antialias     bool   // bilinear and bicubic: the filter is as wide as the result's pixels, where those are larger
	AlignCorners  bool   // the corner pixels' centres are kept, not their outer corners; not with nearest
	// Scale is how many pixels of the result lie on one of x, by height and width; 0: Height/H, Width/W. DINO's code
	// gives one that is not the quotient of the sizes.
	Scale [2]float64
}

// The parameter of the cubic filter (Keys 1981, eq. 4): OpenCV's without antialiasing and PIL's with it, as PyTorch
// has them.
const (
	cubicPlain     = -0.75
	cubicAntialias = -0.5
)

// Interpolate2D resizes x [B,H,W,C] to [B,Height,Width,C]. Each axis is a product with a constant matrix of the
// filter's weights, so that its gradient is the exact one.
func Interpolate2D(s *graph.Scope, x *graph.Node, o Interpolation) *graph.Node {
	size := op.ShapeOf(x)
	if len(size) != 4 {
		op.Fail(s.Path(), "interpolate: x is %v, want [B,H,W,C]", op.TypeOf(x))
	}
	if o.Mode != "bilinear" && o.Mode != "bicubic" && o.Mode != "nearest" || o.Height < 1 || o.Width < 1 {
		op.Fail(s.Path(), "interpolate: mode %q to %dx%d, want bilinear, bicubic or nearest to at least 1x1", o.Mode,
			o.Height, o.Width)
	}
	if o.Mode == "nearest" && (o.Antialias || o.AlignCorners) {
		op.Fail(s.Path(), "interpolate: the nearest pixel is taken without antialiasing and aligned corners")
	}
	b, h, w, c := size[0], size[1], size[2], size[3]
	rows := func(x *graph.Node, from, to int, scale float64) *graph.Node { // x [...,from] -> [...,to]
		if from == to && scale == 0 {
			return op.Reshape(x, -1, from)
		}
		name := fmt.Sprintf("interpolate/%s/antialias=%v/corners=%v/%d_to_%d_by_%v", o.Mode, o.Antialias,
			o.AlignCorners, from, to, scale)
		m := s.Floats(name, o.matrix(from, to, scale), to, from)
		return op.MatMul(op.Reshape(x, -1, from), m, false, true)
	}
	x = rows(op.Transpose(x, 0, 3, 1, 2), w, o.Width, o.Scale[1])                            // [B*C*H,W']
	x = rows(op.Transpose(op.Reshape(x, b*c, h, o.Width), 0, 2, 1), h, o.Height, o.Scale[0]) // [B*C*W',H']
	return op.Transpose(op.Reshape(x, b, c, o.Width, o.Height), 0, 3, 2, 1)
}

// matrix is the weights [to,from] that every pixel of the result gives to those of an axis.
func (o Interpolation) matrix(from, to int, scale float64) []float64 {
	step := float64(from) / float64(to) // from one pixel of the result to the next
	if scale != 0 {
		step = 1 / scale
	}
	if o.AlignCorners {
		step = float64(from-1) / math.Max(float64(to-1), 1)
	}
	m := make([]float64, to*from)
	for i := range to {
		row := m[i*from : (i+1)*from]
		if o.Antialias {
			o.spread(row, step, step*(float64(i)+0.5))
			continue
		}
		at := step*(float64(i)+0.5) - 0.5
		if o.AlignCorners {
			at = step * float64(i)
		}
		add := func(j int, w float64) { row[min(max(j, 0), from-1)] += w } // the border repeats
		switch first := math.Floor(at); o.Mode {
		case "nearest":
			if scale == 0 {
				add(i*from/to, 1)
			} else {
				add(int(step*float64(i)), 1)
			}
		case "bilinear":
			add(int(first), 1-(at-first))
			add(int(first)+1, at-first)
		case "bicubic":
			for j := int(first) - 1; j <= int(first)+2; j++ {
				add(j, cubic(at-float64(j), cubicPlain))
			}
		}
	}
	return m
}

// spread fills a row with the filter around centre, as wide as a step where that is above 1, with weights that sum to
// 1.
func (o Interpolation) spread(row []float64, step, centre float64) {
	wide := math.Max(step, 1)
	filter, reach := func(d float64) float64 { return math.Max(0, 1-math.Abs(d)) }, wide
	if o.Mode == "bicubic" {
		filter, reach = func(d float64) float64 { return cubic(d, cubicAntialias) }, 2*wide
	}
	from, to := max(int(centre-reach+0.5), 0), min(int(centre+reach+0.5), len(row))
	sum := 0.0
	for j := from; j < to; j++ {
		row[j] = filter((float64(j) - centre + 0.5) / wide)
		sum += row[j]
	}
	for j := from; j < to; j++ {
		row[j] /= sum
	}
}

// cubic is the filter of cubic convolution at distance d (Keys 1981, IEEE Trans. ASSP 29(6), eq. 4).
func cubic(d, a float64) float64 {
	switch d = math.Abs(d); {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}

// Positions are position embeddings [P+H*W,D], or [1,P+H*W,D], learned for a grid of tokens of from [H,W] behind P
// tokens of other kinds (a class token, registers), as they are for a grid of to: bicubic, with a tenth of a token
// added to the size in the scale, as DINO's code does against rounding. The P rows stay. On the grid that they were
// learned for they are themselves.
func Positions(s *graph.Scope, pos *graph.Node, from, to [2]int) *graph.Node {
	shape := op.ShapeOf(pos)
	if from == to {
		return pos
	}
	n, d := shape.Size()/shape.Last(), shape.Last()
	p := n - from[0]*from[1]
	if p < 0 || to[0] < 1 || to[1] < 1 {
		op.Fail(s.Path(), "positions %v are no grid of %dx%d tokens, or %dx%d is no grid", shape, from[0], from[1],
			to[0], to[1])
	}
	rows := op.Reshape(pos, n, d)
	o := Interpolation{Mode: "bicubic", Height: to[0], Width: to[1]}
	for i := range 2 {
		o.Scale[i] = (float64(to[i]) + 0.1) / float64(from[i])
	}
	grid := op.Reshape(Interpolate2D(s, op.Reshape(op.Slice(rows, 0, p, n), 1, from[0], from[1], d), o), to[0]*to[1], d)
	if p > 0 {
		grid = op.Concat(0, op.Slice(rows, 0, 0, p), grid)
	}
	if len(shape) == 3 {
		return op.Reshape(grid, 1, p+to[0]*to[1], d)
	}
	return grid
}
