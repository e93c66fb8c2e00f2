package backbones

import (
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Symbols reads a sequence of symbols as a bag: the mean of their embeddings, then an MLP of linear layers and ReLU.
// Symbol 0 is padding and does not count.
//
// Iyyer et al. 2015, ACL, deep averaging networks, section 3, without word dropout.
type Symbols struct {
	Width  int   `toml:"dim"`    // of an embedding
	Hidden []int `toml:"hidden"` // widths of the layers after the mean; the last is F. Without any F is dim
}

// DefaultSymbols has embeddings of 300 and two layers of 300, as the paper's sentiment networks.
func DefaultSymbols() *Symbols { return &Symbols{Width: 300, Hidden: []int{300, 300}} }

// Check implements Backbone.
func (m *Symbols) Check(in Input) error {
	if !in.Int || len(in.Shape) != 1 || len(in.Of) != 1 {
		return in.wrong("symbols backbone", "sequences of symbols, such as captions or texts")
	}
	if m.Width < 1 {
		return setting.Bad("dim", "%d: want at least 1", m.Width)
	}
	if slices.ContainsFunc(m.Hidden, func(w int) bool { return w < 1 }) {
		return setting.Bad("hidden", "%v: want widths of at least 1", m.Hidden)
	}
	return nil
}

// Dim implements Backbone.
func (m *Symbols) Dim() int { return append([]int{m.Width}, m.Hidden...)[len(m.Hidden)] }

// AnySize implements AnySize: a mean is of any number of symbols.
func (m *Symbols) AnySize() {}

// New implements Backbone.
func (m *Symbols) New(s *graph.Scope, in Input) layer.Func {
	e := m.NewTokens(s, in).Symbols
	return func(x *graph.Node) *graph.Node { return e.Pool(e.Look(x), e.There(x)) }
}

// NewTokens implements Tokens: its tokens are the embeddings themselves, and Pool is the mean and the layers behind it.
func (m *Symbols) NewTokens(s *graph.Scope, in Input) *TokenEncoder {
	table := s.Layer(0).Param("embedding", graph.Normal(0.02), in.Of[0], m.Width)
	var layers []layer.Func
	from := m.Width
	for i, w := range m.Hidden {
		layers = append(layers, layer.Linear(s.In(fmt.Sprint(i)).In("linear"), from, w, true), layer.Relu)
		from = w
	}
	after := layer.Chain(layers...)
	same := func(x *graph.Node) *graph.Node { return x }
	y := &SymbolEncoder{Table: table, Place: same, Bag: len(m.Hidden) == 0}
	y.There = func(x *graph.Node) *graph.Node { // [B,T] -> [B,T], 0 where there is padding
		return op.Less(s.Constant(0), s.Float(x))
	}
	y.Look = func(x *graph.Node) *graph.Node { // [B,T] -> [B,T,D]
		size := op.ShapeOf(x)
		return op.Reshape(op.Gather(table, op.Reshape(x, -1)), size[0], size[1], m.Width)
	}
	y.Encode = func(x, _ *graph.Node) *graph.Node { return x }
	y.Pool = func(x, there *graph.Node) *graph.Node { // [B,T,D] -> [B,D]
		size := op.ShapeOf(x)
		sum := op.SumAxes(op.Mul(x, op.Reshape(there, size[0], size[1], 1)), false, 1)
		count := op.SumAxes(there, true, 1) // [B,1]
		// A caption without symbols has a mean of 0.
		return after(op.Mul(sum, op.Reciprocal(op.Shift(op.Relu(op.Shift(count, -1)), 1))))
	}
	return &TokenEncoder{Dim: m.Width, Rows: in.Shape[0], Columns: 1, Symbols: y, Embed: y.Look, Encode: same}
}
