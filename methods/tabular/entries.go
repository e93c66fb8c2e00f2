package tabular

import (
	"fmt"
	"slices"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
)

// What methods for rows share: which columns there are, entries that are replaced, and how well entries are told.

// table is the columns of rows x [B,K+M]: K columns, and behind them M indicators of numbers that are missing.
type table struct {
	of   []int // categories of each of the K columns; 0: numbers
	gaps []int // columns of the M indicators
}

// tableOf is the columns of the batch's rows; other data stop the build.
func tableOf(b *methods.Batch) table {
	f := b.Of(feed.View(0))
	if len(f.Shape) != 1 || f.Int {
		b.Of(feed.Marginal(0)) // stops with what the data have
		b.Unfit("this method is for rows of a table, and the data have view0 %v", f.Shape)
	}
	n := f.Shape[0] - len(f.Gaps)
	if len(f.Of) == 0 {
		return table{make([]int, n), f.Gaps}
	}
	return table{f.Of[:n], f.Gaps}
}

// choose draws the same share of every row's columns, at least one: [B,K], 1 is chosen. key is the setting that says
// the share.
func (t table) choose(b *methods.Batch, key string, share float64) *graph.Node {
	k := len(t.of)
	if int(share*float64(k)+1e-9) < 1 {
		op.Fail("", "%s = %v of %d columns is none; want a share that is one column or more", key, share, k)
	}
	chosen := b.Mask(&masks.Columns{Ratio: share}, masks.Grid{Frames: 1, Rows: 1, Columns: k})
	return op.Reshape(chosen, b.Size(), k)
}

// spread is what holds for columns [B,K] for all elements of a row [B,K+M].
func (t table) spread(chosen *graph.Node) *graph.Node {
	all := []*graph.Node{chosen}
	for _, c := range t.gaps {
		all = append(all, op.Slice(chosen, 1, c, c+1))
	}
	return op.Concat(1, all...)
}

// missing is 1 where a number is missing, [B,K]; nil: none ever is.
func (t table) missing(x *graph.Node) *graph.Node {
	if len(t.gaps) == 0 {
		return nil
	}
	k := len(t.of)
	return backbones.AtColumns(op.Slice(x, 1, k, k+len(t.gaps)), t.gaps, k)
}

// there is 1 where an entry can be told, [B,K]; nil: all can. A number that is missing cannot.
func (t table) there(x *graph.Node) *graph.Node {
	if m := t.missing(x); m != nil {
		return op.Affine(m, -1, 1)
	}
	return nil
}

// differ is 1 where the entries of rows a and b are not the same, [B,K].
func (t table) differ(a, b *graph.Node) *graph.Node {
	k := len(t.of)
	same := op.Equal(op.Slice(a, 1, 0, k), op.Slice(b, 1, 0, k))
	if len(t.gaps) > 0 {
		same = op.Mul(same, op.Equal(t.missing(a), t.missing(b)))
	}
	return op.Affine(same, -1, 1)
}

// width is how many numbers tell a row: one for a number, and one for each category of a column.
func (t table) width() (n int) {
	for _, of := range t.of {
		n += max(of, 1)
	}
	return n
}

// then is hidden widths and a last one.
func then(hidden []int, last int) []int { return append(slices.Clone(hidden), last) }

// head tells rows from features: [B,in] -> [B,width], through hidden layers with ReLU.
func (t table) head(s *graph.Scope, in int, hidden []int) layer.Func {
	return heads.Plain(s, in, then(hidden, t.width())...)
}

// errors says how far what is told [B,width] is from rows x [B,K+M] in every entry, [B,K]: the squared difference of a
// number, 0 where it is missing, and the cross-entropy of a category in nats. No gradient reaches x.
func (t table) errors(s *graph.Scope, told, x *graph.Node) *graph.Node {
	x = op.StopGradient(x)
	var parts []*graph.Node
	for c, at := 0, 0; c < len(t.of); {
		if n := t.of[c]; n > 0 {
			is := indicators(s, op.Slice(x, 1, c, c+1), n)
			parts = append(parts, op.Reshape(op.CrossEntropySoft(op.Slice(told, 1, at, at+n), is), -1, 1))
			c, at = c+1, at+n
			continue
		}
		from := c
		for c < len(t.of) && t.of[c] == 0 {
			c++
		}
		parts = append(parts, op.Square(op.Sub(op.Slice(told, 1, at, at+c-from), op.Slice(x, 1, from, c))))
		at += c - from
	}
	all := op.Concat(1, parts...)
	if there := t.there(x); there != nil {
		all = op.Mul(all, there)
	}
	return all
}

// indicators is 1 at the place that x [B,1] holds, [B,n].
func indicators(s *graph.Scope, x *graph.Node, n int) *graph.Node {
	places := make([]float64, n)
	for i := range places {
		places[i] = float64(i)
	}
	return op.Equal(x, s.Floats(fmt.Sprintf("const/categories%d", n), places, n))
}

// Replace is x where chosen is 0 and other where it is 1, all [B,M]: exactly, so that categories stay whole numbers.
func Replace(x, other, chosen *graph.Node) *graph.Node {
	return op.Add(op.Mul(x, op.Affine(chosen, -1, 1)), op.Mul(other, chosen))
}
