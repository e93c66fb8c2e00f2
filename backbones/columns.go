package backbones

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Rows is rows of a table with a column for each number of of: 0 for measurements, or how many categories there are.
func Rows(of ...int) Input { return Input{Shape: []int{len(of)}, Of: of} }

// row is the columns of rows; other data are an error that names the backbone.
func (in Input) row(backbone string) (of []int, err error) {
	if !in.isRow() {
		return nil, in.wrong(backbone, "rows of a table, columns of numbers and of categories")
	}
	return in.columns(), nil
}

// isRow reports whether samples are rows of a table.
func (in Input) isRow() bool { return len(in.Shape) == 1 && !in.Int }

// columns is how many categories each column of a row has, 0 for numbers, without the indicators of what is missing.
func (in Input) columns() []int {
	n := in.Shape[0] - len(in.Gaps)
	if len(in.Of) == 0 {
		return make([]int, n)
	}
	return in.Of[:n]
}

// mixed reports whether some columns are of categories.
func (in Input) mixed() bool {
	if in.isRow() {
		for _, n := range in.Of {
			if n > 0 {
				return true
			}
		}
	}
	return false
}

// columnKinds counts the columns of each kind: 6 columns of numbers and 8 of categories.
func (in Input) columnKinds() string {
	numbers, categories := 0, 0
	for _, n := range in.columns() {
		if n > 0 {
			categories++
		} else {
			numbers++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{numbers, "numbers"}, {categories, "categories"}} {
		if p.n > 0 {
			columns := ""
			if len(parts) == 0 {
				columns = "columns "
				if p.n == 1 {
					columns = "column "
				}
			}
			parts = append(parts, fmt.Sprintf("%d %sof %s", p.n, columns, p.what))
		}
	}
	kinds := strings.Join(parts, " and ")
	if len(in.Gaps) > 0 {
		kinds += fmt.Sprintf(", %d of the numbers with missing values", len(in.Gaps))
	}
	return kinds
}

// WithGaps is rows as Rows has them, in which these columns of numbers may be missing.
func WithGaps(gaps []int, of ...int) Input {
	return Input{Shape: []int{len(of) + len(gaps)}, Of: append(slices.Clone(of), make([]int, len(gaps))...), Gaps: gaps}
}

// oneHotWidth is the width of a row whose categories are indicators.
func oneHotWidth(of []int) (n int) {
	for _, k := range of {
		n += max(k, 1)
	}
	return n
}

// oneHot writes rows [B,K] with an indicator for every category, [B,W]. Columns keep their order.
func oneHot(s *graph.Scope, x *graph.Node, of []int) *graph.Node {
	var parts []*graph.Node
	for c := 0; c < len(of); {
		if of[c] > 0 {
			parts = append(parts, indicators(s, x, c, of[c]))
			c++
			continue
		}
		from := c
		for c < len(of) && of[c] == 0 {
			c++
		}
		parts = append(parts, op.Slice(x, 1, from, c))
	}
	return op.Concat(1, parts...)
}

// indicators is 1 at the category of column c and 0 elsewhere, [B,n].
func indicators(s *graph.Scope, x *graph.Node, c, n int) *graph.Node {
	places := make([]float64, n)
	for i := range places {
		places[i] = float64(i)
	}
	return op.Equal(op.Slice(x, 1, c, c+1), s.Floats(fmt.Sprintf("const/places%d", n), places, n))
}
