package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Columns is a Backbone of a table's rows that works on a token for each column, whose parts methods can use one by
// one. Its New is Embed, Encode and Pool in a row, over the same parameters.
type Columns interface {
	Backbone
	NewColumns(s *graph.Scope, in Input) *ColumnEncoder
}

// ColumnEncoder is the parts of an encoder of columns.
type ColumnEncoder struct {
	Dim     int                             // D, of a token
	Columns int                             // K of a row, without the indicators of what is missing
	Values  func(x *graph.Node) *graph.Node // rows [B,K+M] -> [B,K,D], what is in each column
	Place   *graph.Node                     // [K,D] of each column, added to its value; nil: there is none
	// any tokens [B,T,D] -> [B,1+T,D] behind a class token, without the final norm
	Encode func(y *graph.Node) *graph.Node
	Mean   bool                            // the features are the mean of the columns\' tokens, not the class token
	Norm   func(y *graph.Node) *graph.Node // the final norm of such tokens [...,D]; it may do nothing
}

// Embed is the tokens of rows, [B,K+M] -> [B,K,D].
func (e *ColumnEncoder) Embed(x *graph.Node) *graph.Node { return e.Placed(e.Values(x)) }

// Placed is values [B,K,D] as tokens.
func (e *ColumnEncoder) Placed(values *graph.Node) *graph.Node {
	if e.Place == nil {
		return values
	}
	return op.Add(values, e.Place)
}

// Hiding is the tokens of rows x with token [1,1,D] in place of the value of every hidden column, hidden [B,K] of 1
// and 0: [B,K,D].
func (e *ColumnEncoder) Hiding(x, hidden, token *graph.Node) *graph.Node {
	h := op.Reshape(hidden, -1, e.Columns, 1)
	return e.Placed(op.Add(op.Mul(e.Values(x), op.Affine(h, -1, 1)), op.Mul(token, h)))
}

// Pool is the features of encoded tokens, [B,1+T,D] -> [B,D]: the class token after the final norm, or the mean of the
// others.
func (e *ColumnEncoder) Pool(y *graph.Node) *graph.Node {
	if e.Mean {
		return op.Mean(e.Rest(y), false, 1)
	}
	return e.Norm(op.Reshape(op.Slice(y, 1, 0, 1), -1, e.Dim))
}

// checkColumnPool says what is wrong with a setting of what the features are.
func checkColumnPool(pool string) error {
	if pool != "class" && pool != "mean" {
		return setting.Bad("pool", "%q: want \"class\" or \"mean\"", pool)
	}
	return nil
}

// Rest is the encoded tokens behind the class token, after the final norm: [B,1+T,D] -> [B,T,D].
func (e *ColumnEncoder) Rest(y *graph.Node) *graph.Node {
	return e.Norm(op.Slice(y, 1, 1, op.ShapeOf(y)[1]))
}

// numberTokens declares what embeds so many columns of numbers, and embeds a run of them [B,n] from the first:
// [B,n,D].
type numberTokens func(columns int) func(x *graph.Node, from int) *graph.Node

// scaledNumbers embeds a number as a vector of its column times it.
func scaledNumbers(s *graph.Scope, dim int, init graph.Init) numberTokens {
	return func(columns int) func(x *graph.Node, from int) *graph.Node {
		weight := s.Param("weight", init, columns, dim)
		return func(x *graph.Node, from int) *graph.Node {
			n := op.ShapeOf(x)[1]
			return op.Mul(op.Reshape(x, -1, n, 1), op.Slice(weight, 0, from, from+n))
		}
	}
}

// columnValues is rows [B,K+M] -> [B,K,D]: numbers as numbers embeds those of a run of columns, of which from is the
// first; of a category the row of its column's table; and for a number that is missing a vector of its column besides.
func columnValues(s *graph.Scope, in Input, dim int, init graph.Init,
	numbers numberTokens) layer.Func {
	of := in.columns()
	k, measured := len(of), 0
	tables := map[int]*graph.Node{}
	for _, n := range of {
		if n == 0 {
			measured++
		}
	}
	var embed func(x *graph.Node, from int) *graph.Node
	if measured > 0 {
		embed = numbers(measured)
	}
	for c, n := range of {
		if n > 0 {
			tables[c] = s.Param(fmt.Sprintf("table%d", c), init, n, dim)
		}
	}
	var missing *graph.Node
	if len(in.Gaps) > 0 {
		missing = s.Param("missing", init, len(in.Gaps), dim)
	}
	return func(x *graph.Node) *graph.Node {
		b := op.ShapeOf(x)[0]
		var parts []*graph.Node
		for c, at := 0, 0; c < k; { // at: the first of the run of numbers, among the columns of numbers
			if of[c] > 0 {
				chosen := layer.Product(s, indicators(s, x, c, of[c]), tables[c])
				parts = append(parts, op.Reshape(chosen, b, 1, dim))
				c++
				continue
			}
			from := c
			for c < k && of[c] == 0 {
				c++
			}
			parts = append(parts, embed(op.Slice(x, 1, from, c), at))
			at += c - from
		}
		values := op.Concat(1, parts...)
		if missing == nil {
			return values
		}
		told := op.Mul(op.Reshape(op.Slice(x, 1, k, k+len(in.Gaps)), b, -1, 1), missing) // [B,M,D]
		return op.Add(values, AtColumns(told, in.Gaps, k))
	}
}

// AtColumns puts element i of axis 1 of y [B,M,...] at the i-th of rising columns, and 0 elsewhere: [B,K,...].
func AtColumns(y *graph.Node, columns []int, k int) *graph.Node {
	var parts []*graph.Node
	for i, c := range columns {
		before, after := c, 0
		if i > 0 {
			before = c - columns[i-1] - 1
		}
		if i == len(columns)-1 {
			after = k - 1 - c
		}
		parts = append(parts, op.Pad(op.Slice(y, 1, i, i+1), 1, before, after))
	}
	return op.Concat(1, parts...)
}
