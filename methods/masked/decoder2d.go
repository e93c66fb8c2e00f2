package masked

import (
	"fmt"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
)

// Decoder is the convolutions on tokens in their places [B,T,D] -> [B,T,D]: each followed by a norm of the channels
// without scale and shift and by GELU, and added to what it reads where both have as many channels; then a linear
// layer. A convolution of an even side loses its last row and column.
func (m *Data2Vec2) Decoder(s *graph.Scope, e *backbones.TokenEncoder) layer.Func {
	var convolutions []layer.Func
	from := e.Dim
	for i := range m.DecoderDepth {
		k := m.DecoderKernel
		convolutions = append(convolutions, layer.Conv2D{In: from, Out: m.DecoderDim, Kernel: [2]int{k, k},
			Stride: [2]int{1, 1}, Pad: [2]int{k / 2, k / 2}, Groups: m.DecoderGroups,
			Bias: true}.New(s.In(fmt.Sprint(i))))
		from = m.DecoderDim
	}
	tell := layer.Dense(s.In("tell"), m.DecoderDim, e.Dim)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		x = op.Reshape(x, b, e.Rows, e.Columns, -1)
		for _, conv := range convolutions {
			y := op.Slice(op.Slice(conv(x), 1, 0, e.Rows), 2, 0, e.Columns)
			y = op.Gelu(losses.Along(y, 3, normEps))
			if op.ShapeOf(y).Equal(op.ShapeOf(x)) {
				y = op.Add(x, y)
			}
			x = y
		}
		return tell(op.Reshape(x, b, t, m.DecoderDim))
	}
}
