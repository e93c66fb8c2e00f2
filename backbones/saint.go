package backbones

import (
	"fmt"
	"math"
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// SAINT reads rows of a table with attention among the columns of a row and among the rows of the batch.
//
// Somepalli, Goldblum, Schwarzschild, Bruss, Goldstein 2021, SAINT, arXiv:2106.01342, section 3. A token for each
// column (a number through layers of its column, a category by its table, what is missing by a vector of the column)
// and a class token; a block is attention among the tokens of a row and a feed-forward with GEGLU, then, with every
// row flattened to one token, attention among the rows of the batch and a feed-forward. There is no dropout. The
// features are the class token. They depend on the rows that a row is encoded with: evaluation and embedding take
// blocks of rows in the set's order, and the last block is filled up with its own rows again.
type SAINT struct {
	Channels int `toml:"dim"`      // of a token, the F of the features
	Depth    int `toml:"depth"`    // blocks
	Heads    int `toml:"heads"`    // of attention
	HeadSize int `toml:"head_dim"` // of attention among columns
	RowSize  int `toml:"row_head"` // of attention among rows
	// colrow: columns, then rows, in every block | col | row: one of them alone | mean: both, from the same tokens,
	// and the mean of what they give (TABBIE, arXiv:2105.02584)
	Style string `toml:"style"`
	// paper: x + norm(f(x)) (eq. 1 and 2) | code: norm(x) + f(norm(x)), as in the authors' code, whose skip path has
	// the normalised tokens
	Residual string `toml:"residual"`
	Pool     string `toml:"pool"` // as of ft_transformer
}

// DefaultSAINT has the settings of the authors' code for tables of few columns, but for its 6 blocks.
func DefaultSAINT() *SAINT {
	return &SAINT{Channels: 32, Depth: 1, Heads: 8, HeadSize: 16, RowSize: 64, Style: "colrow", Residual: "paper",
		Pool: "class"}
}

// Check implements Backbone.
func (m *SAINT) Check(in Input) error {
	if _, err := in.row("saint"); err != nil {
		return err
	}
	for _, own := range []struct {
		key string
		n   int
	}{{"dim", m.Channels}, {"depth", m.Depth}, {"heads", m.Heads}, {"head_dim", m.HeadSize}, {"row_head", m.RowSize}} {
		if own.n < 1 {
			return setting.Bad(own.key, "%d: want a number above 0", own.n)
		}
	}
	if !slices.Contains([]string{"colrow", "col", "row", "mean"}, m.Style) {
		return setting.Bad("style", "%q: want \"colrow\", \"col\", \"row\" or \"mean\"", m.Style)
	}
	if m.Residual != "paper" && m.Residual != "code" {
		return setting.Bad("residual", "%q: want \"paper\" or \"code\"", m.Residual)
	}
	return checkColumnPool(m.Pool)
}

// Dim implements Backbone.
func (m *SAINT) Dim() int { return m.Channels }

// New implements Backbone.
func (m *SAINT) New(s *graph.Scope, in Input) layer.Func {
	e := m.NewColumns(s, in)
	return func(x *graph.Node) *graph.Node { return e.Pool(e.Encode(e.Embed(x))) }
}

// saintHidden is the width of the layer between a number and its token, as in the authors' code.
const saintHidden = 100

// NewColumns implements Columns. Encode takes as many tokens as there are columns.
func (m *SAINT) NewColumns(s *graph.Scope, in Input) *ColumnEncoder {
	dim, k := m.Channels, len(in.columns())
	first := s.Layer(0)
	at, init := first.In("tokens").Plain(), graph.LinearUniform(dim)
	values := columnValues(at, in, dim, init, func(columns int) func(x *graph.Node, from int) *graph.Node {
		return layeredNumbers(at, columns, saintHidden, dim)
	})
	class := at.Param("class", init, dim)
	blocks := m.Blocks(first.In("blocks"), k+1)
	return &ColumnEncoder{
		Dim: dim, Columns: k, Values: values,
		Encode: func(y *graph.Node) *graph.Node {
			b := op.ShapeOf(y)[0]
			class := op.BroadcastTo(op.Reshape(class, 1, 1, dim), ir.Shape{b, 1, dim})
			return blocks(op.Concat(1, class, y)) // [B,1+K,D]
		},
		Norm: layer.Chain(), Mean: m.Pool == "mean",
	}
}

// layeredNumbers embeds numbers by two layers of each column's own, 1 -> hidden -> dim with ReLU between them.
func layeredNumbers(s *graph.Scope, columns, hidden, dim int) func(x *graph.Node, from int) *graph.Node {
	w1, b1 := s.Param("number1/weight", graph.LinearUniform(1), columns, hidden),
		s.Param("number1/bias", graph.LinearUniform(1), columns, hidden)
	w2, b2 := s.Param("number2/weight", graph.LinearUniform(hidden), columns, hidden, dim),
		s.Param("number2/bias", graph.LinearUniform(hidden), columns, dim)
	return func(x *graph.Node, from int) *graph.Node {
		n := op.ShapeOf(x)[1]
		of := func(p *graph.Node) *graph.Node { return op.Slice(p, 0, from, from+n) }
		h := op.Relu(op.Add(op.Mul(op.Reshape(x, -1, n, 1), of(w1)), of(b1))) // [B,n,hidden]
		y := op.MatMul(op.Transpose(h, 1, 0, 2), of(w2), false, false)        // [n,B,dim]
		return op.Add(op.Transpose(y, 1, 0, 2), of(b2))
	}
}

// Blocks is the transformer on tokens [B,T,dim], of which there are always so many.
func (m *SAINT) Blocks(s *graph.Scope, tokens int) layer.Func {
	wide := tokens * m.Channels
	var blocks []layer.Func
	for i := range m.Depth {
		at := s.Deeper(i + 1).In(fmt.Sprint(i))
		columns, rows := layer.Chain(), layer.Chain()
		if m.Style != "row" {
			columns = layer.Chain(m.branch(at.In("columns"), m.Channels, m.HeadSize), m.branch(at.In("columns_mlp"),
				m.Channels, 0))
		}
		if m.Style != "col" {
			among := layer.Chain(m.branch(at.In("rows"), wide, m.RowSize), m.branch(at.In("rows_mlp"), wide, 0))
			rows = func(x *graph.Node) *graph.Node { // every row is one token of a single sequence
				return op.Reshape(among(op.Reshape(x, 1, -1, wide)), -1, tokens, m.Channels)
			}
		}
		block := layer.Chain(columns, rows)
		if m.Style == "mean" {
			block = func(x *graph.Node) *graph.Node { return op.Scale(op.Add(columns(x), rows(x)), 0.5) }
		}
		blocks = append(blocks, block)
	}
	return func(x *graph.Node) *graph.Node {
		if got := op.ShapeOf(x)[1]; got != tokens {
			op.Fail(s.Path(), "%d tokens, and attention among rows was made for the %d of all columns and the class; "+
				"methods that leave columns out want ft_transformer", got, tokens)
		}
		return layer.Chain(blocks...)(x)
	}
}

// saintEps is the epsilon of the norms, as in the authors' code.
const saintEps = 1e-5

// branch is attention of tokens [B,T,dim] with heads of a size, or a feed-forward where the size is 0, with its norm
// and the way around it.
func (m *SAINT) branch(s *graph.Scope, dim, size int) layer.Func {
	norm := layer.LayerNormEps(s.In("norm"), dim, saintEps)
	var f layer.Func
	if size > 0 {
		f = headed(s, dim, m.Heads, size)
	} else {
		f = gated(s, dim)
	}
	return func(x *graph.Node) *graph.Node {
		if m.Residual == "code" {
			x = norm(x)
			return op.Add(f(x), x)
		}
		return op.Add(norm(f(x)), x)
	}
}

// headed is self-attention whose heads have a size of their own: no bias of queries, keys and values.
func headed(s *graph.Scope, dim, heads, size int) layer.Func {
	qkv, out := s.In("qkv").Param("weight", graph.LinearUniform(dim), dim, 3*heads*size),
		linearTokens(s.In("out"), heads*size, dim)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		y := op.Reshape(layer.Product(s, op.Reshape(x, -1, dim), qkv), b, t, 3, heads, size)
		return out(op.Apply(op.AttentionOp{Scale: 1 / math.Sqrt(float64(size)), BF16: s.BF16()}, y))
	}
}

// gated is the feed-forward with GEGLU: to 8 times the width, the first half times GELU of the second, and back.
func gated(s *graph.Scope, dim int) layer.Func {
	up, down := linearTokens(s.In("fc1"), dim, 8*dim), linearTokens(s.In("fc2"), 4*dim, dim)
	return func(x *graph.Node) *graph.Node {
		y := up(x)
		return down(op.Mul(op.Slice(y, 2, 0, 4*dim), op.Gelu(op.Slice(y, 2, 4*dim, 8*dim))))
	}
}

// linearTokens is layer.Linear of tokens [B,T,in] -> [B,T,out].
func linearTokens(s *graph.Scope, in, out int) layer.Func {
	f := layer.Linear(s, in, out, true)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		return op.Reshape(f(op.Reshape(x, -1, in)), shape[0], shape[1], out)
	}
}
