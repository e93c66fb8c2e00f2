package origins

import (
	"math"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
)

// abCells are the centres of the cells, of a side in units of L*a*b*, of the plane of a and b that colours of sRGB
// lie in, [Q][2] in a row: Zhang, Isola, Efros 2016, arXiv:1603.08511, section 2.1. The authors' list for a side of 10
// is of 313 cells; these are those in which there is a colour.
//
// The faces of the cube of red, green and blue are looked at alone: a line of one a and b that begins at a colour
// within it leaves it by a face.
func abCells(side float64) (centres []float64) {
	const parts = 85 // of a face's sides
	in := map[[2]int]bool{}
	for face := range 6 {
		for i := range parts + 1 {
			for k := range parts + 1 {
				c := [3]float64{float64(face % 2)}
				c[1], c[2] = float64(i)/parts, float64(k)/parts
				at := face / 2
				c[0], c[at] = c[at], c[0]
				lab := layer.LabOf(c)
				in[[2]int{int(math.Round(lab[1] / side)), int(math.Round(lab[2] / side))}] = true
			}
		}
	}
	var cells [][2]int
	for c := range in {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	for _, c := range cells {
		centres = append(centres, float64(c[0])*side, float64(c[1])*side)
	}
	return centres
}

// levels are the middles of n even parts of luminance, 0 to 100.
func levels(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = (float64(i) + 0.5) * 100 / float64(n)
	}
	return v
}

// nearness is -|x - c|^2 of rows x [N,D] and centres c [Q,D], [N,Q].
func nearness(x, centres *graph.Node) *graph.Node {
	xx := op.SumAxes(op.Square(x), true, 1)                                        // [N,1]
	cc := op.Reshape(op.SumAxes(op.Square(centres), false, 1), 1, -1)              // [1,Q]
	return op.Sub(op.Sub(op.Scale(op.MatMul(x, centres, false, true), 2), xx), cc) // [N,Q]
}

// SoftCells divides each row of x [N,D] between the nearest centres [Q,D], by a normal distribution of deviation sigma:
// [N,Q], rows of sum 1. Centres as far as the last of the nearest count too.
//
// Zhang, Isola, Efros 2016, section 2.1.
func SoftCells(x, centres *graph.Node, nearest int, sigma float64) *graph.Node {
	near := nearness(x, centres)
	n, q := op.ShapeOf(near)[0], op.ShapeOf(near)[1]
	sorted := op.GatherTokens(op.Reshape(near, n, q, 1), op.TopK(near, nearest)) // [N,nearest,1]
	first := op.Reshape(op.Slice(sorted, 1, 0, 1), n, 1)
	last := op.Reshape(op.Slice(sorted, 1, nearest-1, nearest), n, 1)
	kept := op.Affine(op.Less(near, last), -1, 1)
	w := op.Mul(op.Exp(op.Scale(op.Sub(near, first), 1/(2*sigma*sigma))), kept)
	return op.Div(w, op.SumAxes(w, true, 1))
}

// labOf is the colours of images x [B,H,W,3] of a batch, the mean over each of h x w parts of an image: [B*h*w,3].
func labOf(s *graph.Scope, b *methods.Batch, x *graph.Node, h, w int) *graph.Node {
	lab := layer.Lab(s.In("colours"), methods.InputOf(b.Of("view0")).Unit(s.In("colours"), x))
	return op.StopGradient(op.Reshape(op.AdaptiveAvgPool2D(lab, h, w), -1, 3))
}

// checkColours stops a build whose views are no images of three channels with bounds.
func checkColours(b *methods.Batch) {
	if f := b.Of("view0"); len(f.Shape) != 3 || f.Shape[2] != 3 || f.Low == nil {
		b.Unfit("this method paints colours: want images of red, green and blue; the data have %v", f)
	}
}

// paintMap predicts channels for parts of an image from the last of the encoder's maps [B,h,w,F]: [B*h'*w',channels]
// with h' and w', twice h and w for the map's own width and each further one.
func paintMap(s *graph.Scope, b *methods.Batch, m *graph.Node, widths []int, channels int) (y *graph.Node, h, w int) {
	at, view := op.ShapeOf(m), b.Of("view0").Shape
	h, w = at[1]<<(len(widths)+1), at[2]<<(len(widths)+1)
	if h > view[0] || w > view[1] {
		op.Fail(s.Path(), "the encoder's last map is %dx%d, and %d doublings make it larger than the view of %dx%d: "+
			"want fewer widths than %v, or a backbone that ends in a coarser map", at[1], at[2], len(widths)+1, view[0],
			view[1], widths)
	}
	up := heads.Doubling{Widths: append([]int{at[3]}, widths...), Height: h, Width: w, Channels: channels}
	return op.Reshape(up.New(s)(m), -1, channels), h, w
}
