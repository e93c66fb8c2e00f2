package layer_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Relative biases by plain loops: one number for each distance, three for tokens without a place.
func TestRelativeBias(t *testing.T) {
	const heads, rows, columns, special = 2, 2, 3, 2
	g := layer.Grid{Special: special, Rows: rows, Columns: columns}
	n, distances := g.Tokens(), (2*rows-1)*(2*columns-1)
	table := ramp((distances + 3) * heads)
	got := run(t, ir.F64, map[string][]float64{"table": table}, func(s *scope) *op.Node {
		r := layer.Relative{Rows: rows, Columns: columns, Special: true}
		return r.Bias(s, s.Input("table", distances+3, heads), g)
	})
	want := make([]float64, heads*n*n)
	for h := range heads {
		for i := range n {
			for j := range n {
				row := distances // special query, key of a patch
				switch {
				case i < special && j < special:
					row = distances + 2
				case j < special:
					row = distances + 1
				case i >= special:
					q, k := i-special, j-special
					row = (q/columns-k/columns+rows-1)*(2*columns-1) + q%columns - k%columns + columns - 1
				}
				want[(h*n+i)*n+j] = table[row*heads+h]
			}
		}
	}
	closeTo(t, "bias", got, want)
}

// On a larger grid, a table of numbers that rise with the columns between still does, evenly around distance 0.
func TestRelativeBiasOfAnotherGrid(t *testing.T) {
	const side, larger, wide = 4, 8, 7
	r := layer.Relative{Rows: side, Columns: side}
	table := make([]float64, wide*wide)
	for i := range table {
		table[i] = float64(i % wide)
	}
	got := run(t, ir.F64, map[string][]float64{"table": table}, func(s *scope) *op.Node {
		return r.Bias(s, s.Input("table", wide*wide, 1), layer.Grid{Rows: larger, Columns: larger})
	})
	n := larger * larger
	for d := range 3 {
		right, left := got[(3+d)*n+3], got[3*n+3+d] // a query d columns right of its key, and left
		if math.Abs(right+left-(wide-1)) > 1e-12 || right-left < 0.8*float64(d) {
			t.Errorf("distances of %d columns: %v and %v, want as much above as below %v, more with the distance", d,
				right, left, float64(wide-1)/2)
		}
	}
}

// Scores of rotated queries and keys depend on the distance of their patches alone, and values stay.
func TestRotate(t *testing.T) {
	const heads, d, rows, columns = 2, 8, 3, 4
	g := layer.Grid{Special: 1, Rows: rows, Columns: columns}
	n := g.Tokens()
	x := make([]float64, n*3*heads*d)
	one := ramp(3 * heads * d)
	for i := range n { // every token is the same
		copy(x[i*len(one):], one)
	}
	y := run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
		return layer.Rotate(s, s.Input("x", 1, n, 3, heads, d), g)
	})
	closeTo(t, "the token without a place", y[:len(one)], one)
	score := func(i, j, h int) (sum float64) {
		for c := range d {
			sum += y[((i*3)*heads+h)*d+c] * y[((j*3+1)*heads+h)*d+c]
		}
		return sum
	}
	patch := func(r, c int) int { return 1 + r*columns + c }
	for h := range heads {
		a, b := score(patch(0, 0), patch(1, 2), h), score(patch(1, 1), patch(2, 3), h)
		if math.Abs(a-b) > 1e-12 {
			t.Errorf("head %d: one distance has scores %v and %v", h, a, b)
		}
		if c := score(patch(0, 0), patch(2, 1), h); math.Abs(a-c) < 1e-6 {
			t.Errorf("head %d: two distances have the score %v", h, a)
		}
		for i := range n {
			at := (i*3 + 2) * heads * d
			closeTo(t, "values", y[at:at+heads*d], one[2*heads*d:])
		}
	}
	// the second pair of the first half, of the patch in column 3
	at, angle := patch(1, 3)*len(one)+2, 3*math.Pow(100, -0.5)
	want := []float64{one[2]*math.Cos(angle) - one[3]*math.Sin(angle), one[3]*math.Cos(angle) + one[2]*math.Sin(angle)}
	closeTo(t, "a pair", y[at:at+2], want)
}

// A block that needs places is refused tokens that are not on the grid.
func TestPlacesOfSomeTokens(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *scope) {
		o := layer.Block{Dim: 8, Heads: 2, Rotary: true}
		layer.PlacedBlocks(s, o, 1, 0)(s.Input("x", 2, 3, 8), layer.Grid{Rows: 2, Columns: 2})
	})
	if err == nil || !strings.Contains(err.Error(), "3 tokens on a grid of 4") {
		t.Errorf("got %v", err)
	}
}
