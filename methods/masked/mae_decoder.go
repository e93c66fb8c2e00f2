package masked

import (
	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// decoder puts a mask token at every hidden place and paints: (latent [B,K,D] or [B,1+K,D], places [B,T]) ->
// [B,T,width].
func (m *MAE) decoder(s *graph.Scope, e *backbones.TokenEncoder, width int) func(latent,
	places *graph.Node) *graph.Node {
	t, d := e.Rows*e.Columns, m.DecoderDim
	embed := layer.Dense(s.In("embed"), e.Dim, d)
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, d), 1, 1, d) // two axes: it decays
	position := s.Frozen("position", layer.SinCos2D(d, e.Rows, e.Columns), t, d)
	blocks := layer.Blocks(s.In("blocks"), layer.Block{Dim: d, Heads: m.DecoderHeads}, m.DecoderDepth, 0)
	paint := layer.Chain(blocks, layer.LayerNorm(s.In("norm"), d), layer.Dense(s.In("paint"), d, width))
	first := 0 // patch token
	if e.HasClass {
		first = 1
	}
	return func(latent, places *graph.Node) *graph.Node {
		y := embed(latent)
		b, n := op.ShapeOf(y)[0], op.ShapeOf(y)[1]
		seen := op.Slice(y, 1, first, n)
		hidden := op.BroadcastTo(mask, ir.Shape{b, t - (n - first), d})
		full := op.Add(op.GatherTokens(op.Concat(1, seen, hidden), places), position) // [B,T,d]
		if e.HasClass {
			full = op.Concat(1, op.Slice(y, 1, 0, 1), full)
		}
		return op.Slice(paint(full), 1, first, first+t)
	}
}
