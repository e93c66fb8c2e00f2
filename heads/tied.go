package heads

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Tied tells symbols by their embeddings: a linear layer, GELU and a norm, then the products with the embeddings
// themselves, table [V,D], and a bias for each symbol: [...,D] -> [N,V]. eps is the norm's, 0: 1e-6.
//
// Devlin et al. 2019, BERT, arXiv:1810.04805; the transform is in the authors' code alone.
func Tied(s *graph.Scope, table *graph.Node, eps float64) layer.Func {
	v, d := op.ShapeOf(table)[0], op.ShapeOf(table)[1]
	transform := layer.Chain(layer.Dense(s.In("dense"), d, d), op.Gelu, layer.LayerNormEps(s.In("norm"), d, eps))
	bias := s.Param("bias", graph.Fill(0), v)
	return func(y *graph.Node) *graph.Node {
		return op.Add(op.Apply(op.MatMulOp{TransB: true, BF16: s.BF16()}, transform(op.Reshape(y, -1, d)), table), bias)
	}
}
