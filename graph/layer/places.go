package layer

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Grid is where the tokens of a sequence are: some without a place, such as a class token and registers, then those of
// Rows x Columns patches, row by row. The zero Grid says nothing about them.
type Grid struct{ Special, Rows, Columns int }

// Tokens is the length of the sequence.
func (g Grid) Tokens() int { return g.Special + g.Rows*g.Columns }

// Relative is a learned number for every distance of two patches, by rows and by columns, and every head, that is added
// to the scaled scores of attention. Tokens without a place have three: for a patch's key, for their own key, and among
// themselves.
//
// Bao et al. 2022, BEiT, arXiv:2106.08254, appendix A, in the numbering of its code: the bias of a patch dy rows below
// and dx columns right of its key is row (dy+Rows-1)(2 Columns-1) + dx+Columns-1 of the table. The code has the three
// rows in any case; here they are there where Special says so.
type Relative struct {
	Rows, Columns int
	Special       bool
	Table         *graph.Node // shared by all blocks; nil: each has one of its own
	// a smaller grid has the table's smaller distances, not all of them interpolated
	Parts bool
}

// NewTable declares the numbers [distances,heads], which start at 0.
func (r Relative) NewTable(s *graph.Scope, heads int) *graph.Node {
	return s.Param("relative", graph.Fill(0), r.distances()+r.special(), heads)
}

func (r Relative) distances() int { return (2*r.Rows - 1) * (2*r.Columns - 1) }

func (r Relative) special() int {
	if r.Special {
		return 3
	}
	return 0
}

// Bias is what a table adds to the scores [heads,T,T] of tokens on a grid. On another grid than the table's its
// distances are interpolated, bicubically, as those of Swin's code are, unless it is a part.
func (r Relative) Bias(s *graph.Scope, table *graph.Node, g Grid) *graph.Node {
	heads, n, from := op.ShapeOf(table)[1], r.distances(), table
	if g.Special > 0 && !r.Special {
		op.Fail(s.Path(), "relative positions: %d tokens have no place, and the table has no rows for them", g.Special)
	}
	of := [2]int{r.Rows, r.Columns} // whose distances the rows are
	part := r.Parts && g.Rows <= r.Rows && g.Columns <= r.Columns
	if !part && (g.Rows != r.Rows || g.Columns != r.Columns) {
		of = [2]int{g.Rows, g.Columns}
		o := Interpolation{Mode: "bicubic", Height: 2*g.Rows - 1, Width: 2*g.Columns - 1}
		image := op.Reshape(op.Slice(table, 0, 0, n), 1, 2*r.Rows-1, 2*r.Columns-1, heads)
		from = op.Reshape(Interpolate2D(s, image, o), o.Height*o.Width, heads)
		if r.Special {
			from = op.Concat(0, from, op.Slice(table, 0, n, n+3))
		}
	}
	t := g.Tokens()
	name := fmt.Sprintf("const/relative/%d+%dx%d/%dx%d", g.Special, g.Rows, g.Columns, of[0], of[1])
	ids := s.Ints(name, relativeIDs(g, of[0], of[1]))
	return op.Transpose(op.Reshape(op.Gather(from, ids), t, t, heads), 2, 0, 1)
}

// relativeIDs is the row of the table of rows and columns for every query and key of a grid, [T,T].
func relativeIDs(g Grid, rows, columns int) []int32 {
	t, wide := g.Tokens(), 2*columns-1
	distances := (2*rows - 1) * wide
	ids := make([]int32, t*t)
	for i := range t {
		for j := range t {
			q, k := i-g.Special, j-g.Special
			id := distances // of a special query and a patch's key
			switch {
			case q < 0 && k < 0:
				id = distances + 2
			case q >= 0 && k < 0:
				id = distances + 1
			case q >= 0:
				dy, dx := q/g.Columns-k/g.Columns, q%g.Columns-k%g.Columns
				id = (dy+rows-1)*wide + dx + columns - 1
			}
			ids[i*t+j] = int32(id)
		}
	}
	return ids
}

// rotaryBase is the ratio of the slowest and the fastest frequency of Rotate.
const rotaryBase = 100

// Rotate turns queries and keys, packed with the values as qkv [B,T,3,heads,D], by the places of their patches: pairs
// of neighbouring channels, the first half of them by the column and the second by the row, pair i of a half by
// 100^(-4i/D) radians a patch. Scores then depend on distances alone. Values and tokens without a place stay. D is a
// multiple of 4.
//
// RoPE-Axial of Heo et al. 2024, arXiv:2403.13298, eq. 8 and 9 (Su et al. 2021, arXiv:2104.09864, on a line).
func Rotate(s *graph.Scope, qkv *graph.Node, g Grid) *graph.Node {
	shape := op.ShapeOf(qkv)
	t, heads, d := shape[1], shape[3], shape[4]
	if t != g.Tokens() || d%4 != 0 {
		op.Fail(s.Path(), "rotary positions: %d tokens of %d channels a head, want %d tokens and a multiple of 4", t, d,
			g.Tokens())
	}
	cos, sin := rotations(g, d)
	name := fmt.Sprintf("const/rotary/%d/%d+%dx%d/", d, g.Special, g.Rows, g.Columns)
	c, n := s.Floats(name+"cos", cos, t, 3, 1, d), s.Floats(name+"sin", sin, t, 3, 1, d)
	pairs := op.Reshape(qkv, -1, 2)
	turned := op.Concat(1, op.Neg(op.Slice(pairs, 1, 1, 2)), op.Slice(pairs, 1, 0, 1))
	return op.Add(op.Mul(qkv, c), op.Mul(op.Reshape(turned, shape[0], t, 3, heads, d), n))
}

// rotations are cosines and sines of the angles by which each channel of queries, keys and values is turned, [T,3,1,D].
func rotations(g Grid, d int) (cos, sin []float64) {
	for i := range g.Tokens() {
		for part := range 3 {
			for c := range d {
				pair, angle := c/2, 0.0
				if p := i - g.Special; p >= 0 && part < 2 {
					at := p % g.Columns
					if pair >= d/4 {
						at = p / g.Columns
					}
					angle = float64(at) * math.Pow(rotaryBase, -float64(pair%(d/4))/float64(d/4))
				}
				cos, sin = append(cos, math.Cos(angle)), append(sin, math.Sin(angle))
			}
		}
	}
	return cos, sin
}
