package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// FTTransformer reads a row of a table as a sequence of tokens, one for each column, and a class token whose output is
// the features.
//
// Gorishniy, Rubachev, Khrulkov, Babenko 2021, arXiv:2106.11959, section 3.3: the token of a number x in column j is x
// w_j + b_j, that of a category the row of its column's table + b_j; pre-norm blocks with ReGLU, the first without the
// norm before its attention. The features are the class token after the last norm; the ReLU and the linear layer above
// it belong to a prediction. There is no dropout.
type FTTransformer struct {
	Channels int     `toml:"dim"`      // of a token, the F of the features
	Depth    int     `toml:"depth"`    // blocks
	Heads    int     `toml:"heads"`    // of attention
	Feed     float64 `toml:"mlp_size"` // hidden width of a block's ReGLU, of the token's
	// what the features are: class, the class token | mean, of the columns' tokens, for methods that train these alone
	Pool string `toml:"pool"`
}

// DefaultFTTransformer has the paper's default settings (table 13).
func DefaultFTTransformer() *FTTransformer {
	return &FTTransformer{Channels: 192, Depth: 3, Heads: 8, Feed: 4. / 3, Pool: "class"}
}

// Check implements Backbone.
func (f *FTTransformer) Check(in Input) error {
	if _, err := in.row("ft_transformer"); err != nil {
		return err
	}
	for _, own := range []struct {
		key string
		n   int
	}{{"dim", f.Channels}, {"depth", f.Depth}, {"heads", f.Heads}} {
		if own.n < 1 {
			return setting.Bad(own.key, "%d: want a number above 0", own.n)
		}
	}
	if f.Channels%f.Heads != 0 {
		return setting.Bad("heads", "%d: want a divisor of dim = %d", f.Heads, f.Channels)
	}
	if err := checkColumnPool(f.Pool); err != nil {
		return err
	}
	if !(f.Feed > 0) || f.hidden() < 1 {
		return setting.Bad("mlp_size", "%v: want a factor of dim = %d that leaves at least 1", f.Feed, f.Channels)
	}
	return nil
}

// Dim implements Backbone.
func (f *FTTransformer) Dim() int { return f.Channels }

func (f *FTTransformer) hidden() int { return int(f.Feed * float64(f.Channels)) }

// New implements Backbone.
func (f *FTTransformer) New(s *graph.Scope, in Input) layer.Func {
	e := f.NewColumns(s, in)
	return func(x *graph.Node) *graph.Node { return e.Pool(e.Encode(e.Embed(x))) }
}

// NewColumns implements Columns.
func (f *FTTransformer) NewColumns(s *graph.Scope, in Input) *ColumnEncoder {
	dim := f.Channels
	first := s.Layer(0)
	// All start uniform in +-1/sqrt(D), as in the authors' code, and neither they nor the class token decay, as there.
	at, init := first.In("tokens").Plain(), graph.LinearUniform(dim)
	bias := at.Param("bias", init, len(in.columns()), dim)
	values := columnValues(at, in, dim, init, scaledNumbers(at, dim, init))
	class := at.Param("class", init, dim)
	blocks := make([]layer.Func, f.Depth)
	for i := range blocks {
		blocks[i] = f.block(first.In("blocks").Deeper(i+1).In(fmt.Sprint(i)), i > 0)
	}
	return &ColumnEncoder{
		Dim: dim, Columns: len(in.columns()), Values: values, Place: bias,
		Encode: func(y *graph.Node) *graph.Node {
			b := op.ShapeOf(y)[0]
			class := op.BroadcastTo(op.Reshape(class, 1, 1, dim), ir.Shape{b, 1, dim})
			return layer.Chain(blocks...)(op.Concat(1, class, y)) // [B,1+T,D]
		},
		Norm: layer.LayerNorm(s.In("norm"), dim), Mean: f.Pool == "mean",
	}
}

// block is x + attention(norm(x)), then x + feed(norm(x)); the first block's attention has no norm before it.
func (f *FTTransformer) block(s *graph.Scope, normed bool) layer.Func {
	dim, hidden := f.Channels, f.hidden()
	attention := layer.Attention(s.In("attn"), dim, f.Heads)
	if normed {
		attention = layer.Chain(layer.LayerNorm(s.In("norm1"), dim), attention)
	}
	norm, up, down := layer.LayerNorm(s.In("norm2"), dim), layer.Dense(s.In("mlp/fc1"), dim, 2*hidden),
		layer.Dense(s.In("mlp/fc2"), hidden, dim)
	return func(x *graph.Node) *graph.Node {
		x = op.Add(x, attention(x))
		both := up(norm(x)) // [B,T,2H]
		gated := op.Mul(op.Slice(both, 2, 0, hidden), op.Relu(op.Slice(both, 2, hidden, 2*hidden)))
		return op.Add(x, down(gated))
	}
}
