package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// MLP reads an image, or a row of a table, as one row of numbers: linear, batch norm and ReLU for every width.
// Categories of a row are indicators, one for each and one for none.
type MLP struct {
	Widths []int `toml:"widths"` // of each layer; the last is F
}

// DefaultMLP has two layers of 512.
func DefaultMLP() *MLP { return &MLP{Widths: []int{512, 512}} }

// Check implements Backbone.
func (m *MLP) Check(in Input) error {
	if in.Int {
		return in.wrong("mlp", "images or rows of a table")
	}
	return checkWidths(m.Widths)
}

// Dim implements Backbone.
func (m *MLP) Dim() int { return m.Widths[len(m.Widths)-1] }

// New implements Backbone.
func (m *MLP) New(s *graph.Scope, in Input) layer.Func {
	from := in.Size()
	layers := []layer.Func{func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, in.Size()) }}
	if in.mixed() {
		from = oneHotWidth(in.Of)
		layers = []layer.Func{func(x *graph.Node) *graph.Node { return oneHot(s, x, in.Of) }}
	}
	for i, w := range m.Widths {
		at := s.Layer(i).In(fmt.Sprint(i))
		layers = append(layers, layer.Linear(at.In("linear"), from, w, false), layer.BatchNorm(at.In("norm"), w),
			layer.Relu)
		from = w
	}
	return layer.Chain(layers...)
}
