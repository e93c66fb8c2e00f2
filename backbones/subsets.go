package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Subsets reads a row of a table by subsets of its columns that lie beside each other and overlap: one MLP encodes
// each subset, and the features are the mean over the subsets.
//
// Ucar, Hajiramezanali, Edwards 2021, SubTab, arXiv:2110.04361, section 2 and figure 1. Columns are numbers, an
// indicator for every category, and the indicators of what is missing. Linear layers with LeakyReLU between them.
type Subsets struct {
	Count   int     `toml:"count"`   // of subsets
	Overlap float64 `toml:"overlap"` // of a subset with the one before it, in parts of its own columns
	Widths  []int   `toml:"widths"`  // of each layer; the last is F
}

// DefaultSubsets has the paper's settings for MNIST (appendix), with a smaller encoder.
func DefaultSubsets() *Subsets { return &Subsets{Count: 4, Overlap: 0.75, Widths: []int{256, 256}} }

// Check implements Backbone.
func (m *Subsets) Check(in Input) error {
	if _, err := in.row("subsets"); err != nil {
		return err
	}
	if w := rowWidth(in); m.Count < 2 || m.Count > w {
		return setting.Bad("count", "%d: want 2 or more, and at most the %d columns", m.Count, w)
	}
	if !(m.Overlap >= 0 && m.Overlap <= 1) {
		return setting.Bad("overlap", "%v: want a part of a subset's columns from 0 to 1", m.Overlap)
	}
	return checkWidths(m.Widths)
}

// rowWidth is how many numbers a row is with indicators for categories.
func rowWidth(in Input) int { return oneHotWidth(in.columns()) + len(in.Gaps) }

// Dim implements Backbone.
func (m *Subsets) Dim() int { return m.Widths[len(m.Widths)-1] }

// New implements Backbone.
func (m *Subsets) New(s *graph.Scope, in Input) layer.Func {
	e := m.NewSubsets(s, in)
	return func(x *graph.Node) *graph.Node {
		var all []*graph.Node
		for _, r := range e.Ranges {
			all = append(all, e.Encode(op.Slice(e.Expand(x), 1, r[0], r[1])))
		}
		return op.Scale(op.Sum(all...), 1/float64(len(all)))
	}
}

// Subset is a Backbone of rows that encodes subsets of their columns.
type Subset interface {
	Backbone
	NewSubsets(s *graph.Scope, in Input) *SubsetEncoder
}

// SubsetEncoder is the parts of an encoder of subsets of columns.
type SubsetEncoder struct {
	Width  int                             // W of a row with indicators for categories
	Ranges [][2]int                        // where each subset begins and ends, all of one width
	Expand func(x *graph.Node) *graph.Node // rows [B,K+M] -> [B,W]
	Encode func(x *graph.Node) *graph.Node // a subset [B,w] -> [B,F]
}

// NewSubsets implements Subset.
func (m *Subsets) NewSubsets(s *graph.Scope, in Input) *SubsetEncoder {
	e := &SubsetEncoder{Width: rowWidth(in), Expand: layer.Chain()}
	e.Ranges = SubsetRanges(e.Width, m.Count, m.Overlap)
	if in.mixed() {
		e.Expand = func(x *graph.Node) *graph.Node { return oneHot(s, x, in.Of) }
	}
	from := e.Ranges[0][1] - e.Ranges[0][0]
	var layers []layer.Func
	for i, w := range m.Widths {
		if i > 0 {
			layers = append(layers, func(x *graph.Node) *graph.Node { return op.LeakyRelu(x, 0.01) })
		}
		layers = append(layers, layer.Linear(s.Layer(i).In(fmt.Sprint(i)), from, w, true))
		from = w
	}
	e.Encode = layer.Chain(layers...)
	return e
}

// SubsetRanges is where count subsets of a number of columns begin and end: each has columns/count of its own, rounded
// down, and a part more, the first of the next subset's, the others of the one's before. Columns that are left over at
// the end are in none, as in the authors' code.
func SubsetRanges(columns, count int, overlap float64) (ranges [][2]int) {
	own := columns / count
	more := int(overlap * float64(own))
	for i := range count {
		r := [2]int{i*own - more, (i + 1) * own}
		if i == 0 {
			r = [2]int{0, own + more}
		}
		ranges = append(ranges, r)
	}
	return ranges
}
