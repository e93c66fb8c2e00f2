package methods

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Grid says where tiles are cut from an image: Count x Count cells in the middle of the image, Step pixels from one to
// the next, and in every cell a tile of Side pixels.
type Grid struct {
	Count, Side, Step int
	Play              int // pixels by which a cell is larger than its tile, which lies anywhere in it
}

// Span is how many pixels of the height and of the width the cells take.
func (g Grid) Span() int { return (g.Count-1)*g.Step + g.Side + g.Play }

// Image is view 0 of images and the shorter of its sides. Other data stop the build.
func (b *Batch) Image() (x *graph.Node, side int) {
	x = b.View(0)
	at := op.ShapeOf(x)
	if len(at) != 4 {
		b.Unfit("tiles are cut from images; the data have views of %v", at[1:])
	}
	return x, min(at[1], at[2])
}

// Middle is the square of side pixels in the middle of x [B,H,W,C].
func Middle(x *graph.Node, side int) *graph.Node {
	for axis := 1; axis <= 2; axis++ {
		from := (op.ShapeOf(x)[axis] - side) / 2
		x = op.Slice(x, axis, from, from+side)
	}
	return x
}

// Cut is the tiles of x [B,H,W,C] by rows, each of all images: [B,Side,Side,C]. With play each tile of each image has a
// place of its own in its cell, drawn from r, all places as likely.
func (g Grid) Cut(s *graph.Scope, r *graph.Random, x *graph.Node) (tiles []*graph.Node) {
	x = Middle(x, g.Span())
	cell := g.Side + g.Play
	for i := range g.Count {
		row := op.Slice(x, 1, i*g.Step, i*g.Step+cell)
		for j := range g.Count {
			tile := op.Slice(row, 2, j*g.Step, j*g.Step+cell)
			if g.Play > 0 {
				tile = g.placed(s, r, g.placed(s, r, tile)) // rows, then columns
			}
			tiles = append(tiles, tile)
		}
	}
	return tiles
}

// placed is the drawn Side of the rows of x [B,E,V,C], with rows and columns exchanged: [B,V,Side,C].
func (g Grid) placed(s *graph.Scope, r *graph.Random, x *graph.Node) *graph.Node {
	at, cell := op.ShapeOf(x), g.Side+g.Play
	places := make([]float64, (g.Play+1)*g.Side*cell) // 1 where the row of a tile is the row of its cell
	for first := range g.Play + 1 {
		for row := range g.Side {
			places[(first*g.Side+row)*cell+first+row] = 1
		}
	}
	all := s.Floats(fmt.Sprintf("const/places%d_%d", g.Side, cell), places, g.Play+1, g.Side*cell)
	own := op.Gather(all, op.Argmax(r.Uniform(at[0], g.Play+1))) // [B,Side*E]
	rows := op.MatMul(op.Reshape(own, at[0], g.Side, cell), op.Reshape(x, at[0], cell, at[2]*at[3]), false, false)
	return op.Transpose(op.Reshape(rows, at[0], g.Side, at[2], at[3]), 0, 2, 1, 3)
}
