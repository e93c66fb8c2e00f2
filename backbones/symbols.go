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
	table := s.Layer(0).Param("embedding", graph.Normal(0.02), in.Of[0], m.Width)
	layers := []layer.Func{func(x *graph.Node) *graph.Node { // [B,T] -> [B,D]
		size := op.ShapeOf(x)
		there := op.Less(s.Constant(0), s.Float(x)) // [B,T], 0 where there is padding
		e := op.Reshape(op.Gather(table, op.Reshape(x, -1)), size[0], size[1], m.Width)
		sum := op.SumAxes(op.Mul(e, op.Reshape(there, size[0], size[1], 1)), false, 1)
		count := op.SumAxes(there, true, 1) // [B,1]
		// A caption without symbols has a mean of 0.
		return op.Mul(sum, op.Reciprocal(op.Shift(op.Relu(op.Shift(count, -1)), 1)))
	}}
	from := m.Width
	for i, w := range m.Hidden {
		layers = append(layers, layer.Linear(s.In(fmt.Sprint(i)).In("linear"), from, w, true), layer.Relu)
		from = w
	}
	return layer.Chain(layers...)
}
