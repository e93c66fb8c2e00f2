package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Writer is a transformer's decoder: blocks of attention to the symbols before, of attention to what an encoder read,
// and of an MLP, each behind a norm, with learned positions.
//
// Vaswani et al. 2017, arXiv:1706.03762, section 3.1, with the norms before the branches, as in T5 (arXiv:1910.10683).
// T5 has relative positions and no biases; BART has its norms after the branches.
type Writer struct {
	Dim, From     int // of its tokens, and of those that it reads
	Heads, Hidden int // of attention; within an MLP, 0: four times Dim
	Depth, Length int // blocks; most symbols that it writes
	Deviation     float64
}

// New declares the parameters below s and returns the decoder: embeddings x [B,K,Dim] of what is written so far and
// tokens memory [B,S,From], of which keys [B,S] are there, -> [B,K,Dim], from which the next symbol is told.
func (w Writer) New(s *graph.Scope) func(x, memory, keys *graph.Node) *graph.Node {
	hidden := w.Hidden
	if hidden == 0 {
		hidden = 4 * w.Dim
	}
	position := s.Param("position", graph.Normal(w.Deviation), w.Length, w.Dim)
	type branches struct {
		norm  [3]layer.Func
		own   layer.Func
		cross func(x, y *graph.Node, m layer.Mask) *graph.Node
		mlp   layer.Func
	}
	blocks := make([]branches, w.Depth)
	for i := range blocks {
		at := s.In(fmt.Sprintf("blocks/%d", i))
		b := branches{own: layer.MaskedAttention(at.In("attn"), w.Dim, w.Heads, layer.Mask{Causal: true}),
			cross: layer.CrossAttention(at.In("cross"), w.Dim, w.From, w.Heads),
			mlp:   layer.MLP(at.In("mlp"), w.Dim, hidden)}
		for k := range b.norm {
			b.norm[k] = layer.LayerNorm(at.In(fmt.Sprintf("norm%d", k+1)), w.Dim)
		}
		blocks[i] = b
	}
	last := layer.LayerNorm(s.In("norm"), w.Dim)
	return func(x, memory, keys *graph.Node) *graph.Node {
		own := position
		if n := op.ShapeOf(x)[1]; n < w.Length {
			own = op.Slice(position, 0, 0, n)
		}
		x = op.Add(x, own)
		for _, b := range blocks {
			x = op.Add(x, b.own(b.norm[0](x)))
			x = op.Add(x, b.cross(b.norm[1](x), memory, layer.Mask{Keys: keys}))
			x = op.Add(x, b.mlp(b.norm[2](x)))
		}
		return last(x)
	}
}
