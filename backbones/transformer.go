package backbones

import (
	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Transformer encodes sequences of symbols in both directions: an embedding of each symbol and a learned one of its
// place, blocks of attention among all symbols that are not padding, and the mean of their outputs as the features.
//
// Devlin et al. 2019, BERT, arXiv:1810.04805, section 3, without its segments; norm = "post" is its form, and "pre"
// the one that trains without a long warm-up (Xiong et al. 2020, arXiv:2002.04745). BERT's dropout of attention
// weights is left out.
type Transformer struct {
	Channels int `toml:"dim"`   // of a token, the F of the features
	Depth    int `toml:"depth"` // blocks
	Heads    int `toml:"heads"` // of attention
	Hidden   int `toml:"mlp"`   // width within a block's MLP; 0: four times dim
	// pre: before a block's branches, and one after the blocks | post: after each branch, and one after the embeddings
	Norm string  `toml:"norm"`
	Eps  float64 `toml:"eps"` // of the norms, added to a variance
	// standard deviation of the embeddings as they begin; a small one, such as BERT's, wants a long training
	Deviation float64 `toml:"deviation"`
	// bert | gpt: each symbol attends to itself and those before it (Radford et al. 2018) | clip: QuickGELU, each
	// symbol attends to itself and those before it, and the features are the output at the last symbol, as in the code
	// of Radford et al. 2021, arXiv:2103.00020 (norm = "pre", eps = 1e-5 are its norms). CLIP's last symbol is an
	// end-of-text symbol; here it is the text's own
	Form string `toml:"form"`
	// full | window: keys at most attention_size symbols away (arXiv:2004.05150) | linformer: keys and values mixed to
	// attention_size (arXiv:2006.04768) | performer: by attention_size random features (arXiv:2009.14794)
	Attention     string `toml:"attention"`
	AttentionSize int    `toml:"attention_size"` // symbols or features; not of full
	// probability, in training, of each channel of a token to be left out, of the embeddings and behind each branch
	Dropout float64 `toml:"dropout"`
}

// gptForm is a form of transformers whose symbols attend to those before them.
const gptForm = "gpt"

// DefaultTransformer is small: BERT's is 768 wide and 12 deep with 12 heads. The deviation is BERT's.
func DefaultTransformer() *Transformer {
	return &Transformer{Channels: 128, Depth: 4, Heads: 4, Norm: "pre", Eps: 1e-6, Deviation: 0.02,
		Form: "bert", Attention: "full", AttentionSize: 32}
}

// Check implements Backbone.
func (t *Transformer) Check(in Input) error {
	switch {
	case !in.Int || len(in.Shape) != 1 || len(in.Of) != 1:
		return in.wrong("transformer", "sequences of symbols")
	case t.Channels < 1:
		return setting.Bad("dim", "%d: want at least 1 channel", t.Channels)
	case t.Depth < 1:
		return setting.Bad("depth", "%d: want at least 1 block", t.Depth)
	case t.Heads < 1 || t.Channels%t.Heads != 0:
		return setting.Bad("heads", "%d: want a divisor of dim = %d", t.Heads, t.Channels)
	case t.Hidden < 0:
		return setting.Bad("mlp", "%d: want a width above 0, or 0 for four times dim", t.Hidden)
	case t.Norm != "pre" && t.Norm != "post":
		return setting.Bad("norm", "%q: want \"pre\" or \"post\"", t.Norm)
	case !(t.Eps > 0):
		return setting.Bad("eps", "%v: want a number above 0, such as 1e-6", t.Eps)
	case t.Form != "bert" && t.Form != gptForm && t.Form != clipForm:
		return setting.Bad("form", "%q: want \"bert\", \"gpt\" or \"clip\"", t.Form)
	case !(t.Dropout >= 0 && t.Dropout < 1):
		return setting.Bad("dropout", "%v: want a probability from 0 to below 1", t.Dropout)
	case t.Attention != "full" && t.Attention != "window" && t.Attention != "linformer" && t.Attention != "performer":
		return setting.Bad("attention", "%q: want \"full\", \"window\", \"linformer\" or \"performer\"", t.Attention)
	case t.Attention != "full" && t.AttentionSize < 1:
		return setting.Bad("attention_size", "%d: want at least 1", t.AttentionSize)
	case t.Attention != "full" && t.Form != "bert":
		return setting.Bad("attention", "%q: with form = %q a symbol attends to those before it; want \"full\"",
			t.Attention, t.Form)
	case !(t.Deviation > 0):
		return setting.Bad("deviation", "%v: want a number above 0, such as 0.02", t.Deviation)
	}
	return nil
}

// Dim implements Backbone.
func (t *Transformer) Dim() int { return t.Channels }

// New implements Backbone.
func (t *Transformer) New(s *graph.Scope, in Input) layer.Func {
	e := t.NewTokens(s, in).Symbols
	return func(ids *graph.Node) *graph.Node {
		there := e.There(ids)
		return e.Pool(e.Encode(e.Place(e.Look(ids)), there), there)
	}
}

// NewTokens implements Tokens. Its Embed, Encode and Pool take every token for a symbol; Symbols knows which are
// padding.
func (t *Transformer) NewTokens(s *graph.Scope, in Input) *TokenEncoder {
	n, d := in.Shape[0], t.Channels
	first := s.Layer(0)
	table := first.Param("symbols", graph.Normal(t.Deviation), in.Of[0], d)
	position := first.Param("position", graph.Normal(t.Deviation), n, d)
	drop := layer.Dropout(first.In("dropout"), t.Dropout)
	block := layer.Block{Dim: d, Heads: t.Heads, Hidden: t.Hidden, Post: t.Norm == "post", Eps: t.Eps,
		Quick: t.Form == clipForm, Mask: layer.Mask{Causal: t.Form != "bert"}, Drop: drop}
	if t.Attention != "full" {
		block.Thrifty, block.Length = &layer.Thrifty{Kind: t.Attention, Size: t.AttentionSize}, n
	}
	norm := func(s *graph.Scope, wanted bool) layer.Func {
		if !wanted {
			return layer.Chain()
		}
		return layer.LayerNormEps(s.In("norm"), d, t.Eps)
	}
	before, after := norm(first.In("embedding"), block.Post), norm(s, !block.Post)
	y := &SymbolEncoder{Table: table, Causal: t.Form != "bert"}
	y.There = func(ids *graph.Node) *graph.Node {
		padding := s.Ints("const/padding", []int32{datasets.Padding})
		return op.Affine(s.Equal(ids, padding), -1, 1)
	}
	y.Look = func(ids *graph.Node) *graph.Node {
		b := op.ShapeOf(ids)
		return op.Reshape(op.Gather(table, op.Reshape(ids, -1)), b[0], b[1], d)
	}
	y.Place = func(x *graph.Node) *graph.Node {
		at, own := op.ShapeOf(x)[1], position
		if at > n {
			op.Fail(s.Path(), "a sequence of %d symbols, and the transformer has %d positions", at, n)
		}
		if at < n {
			own = op.Slice(position, 0, 0, at)
		}
		return drop(before(op.Add(x, own)))
	}
	y.Encode = func(x, there *graph.Node) *graph.Node {
		o := block
		o.Mask.Keys = there
		return after(layer.Blocks(first.In("blocks"), o, t.Depth, 0)(x))
	}
	y.Pool = func(x, there *graph.Node) *graph.Node {
		b, n := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		if t.Form == clipForm {
			return op.SumAxes(op.Mul(x, op.Reshape(last(there), b, n, 1)), false, 1) // [B,D]
		}
		weights := op.Reshape(there, b, n, 1)
		sum := op.SumAxes(op.Mul(x, weights), false, 1)               // [B,D]
		count := op.SumAxes(weights, false, 1)                        // [B,1]
		return op.Div(sum, op.Shift(op.Relu(op.Shift(count, -1)), 1)) // at least 1: the features of no symbols are 0
	}
	// All blocks are declared here, so that a method which calls no Encode still has the whole encoder.
	layer.Blocks(first.In("blocks"), block, t.Depth, 0)
	return &TokenEncoder{
		Dim: d, Rows: n, Columns: 1, Symbols: y,
		Embed:  func(ids *graph.Node) *graph.Node { return y.Place(y.Look(ids)) },
		Encode: func(x *graph.Node) *graph.Node { return y.Encode(x, nil) },
	}
}

// last is 1 at the last symbol of each row of there [B,T], and 0 elsewhere: padding comes after the symbols.
func last(there *graph.Node) *graph.Node {
	shape := op.ShapeOf(there)
	if shape[1] == 1 {
		return there
	}
	after := op.Slice(there, 1, 1, shape[1])
	none := op.Scale(op.Slice(there, 1, 0, 1), 0)
	return op.Sub(there, op.Concat(1, after, none))
}

// SymbolEncoder is the parts of an encoder of symbols. Its features are Pool(Encode(Place(Look(ids)), There(ids)),
// There(ids)).
type SymbolEncoder struct {
	Table  *graph.Node                            // [V,D] embeddings
	Causal bool                                   // symbols attend to those before them alone
	Bag    bool                                   // the features are the mean of the embeddings
	There  func(ids *graph.Node) *graph.Node      // [B,T] int32 -> [B,T] 1 for symbols, 0 for padding
	Look   func(ids *graph.Node) *graph.Node      // [B,T] int32 -> [B,T,D] rows of the table
	Place  func(x *graph.Node) *graph.Node        // [B,T,D] -> [B,T,D] with positions; or the first so many
	Encode func(x, there *graph.Node) *graph.Node // [B,T,D] of Place, [B,T] of There -> [B,T,D]
	Pool   func(y, there *graph.Node) *graph.Node // [B,T,D] of Encode -> [B,D]: the mean of what is there, or the last
}
