package tabular

import (
	"fmt"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
)

// columnsOf is the encoder's tokens of columns; a backbone without them stops the build.
func columnsOf(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *backbones.ColumnEncoder {
	if enc.Columns == nil {
		b.Unfit("the backbone has no tokens of columns; want ft_transformer or saint")
	}
	return enc.Columns(s)
}

// tokenHeads tells rows from a token of each column by layers of the column's own: [B,K,D] -> [B,width].
func (t table) tokenHeads(s *graph.Scope, dim int, hidden []int) layer.Func {
	var told []layer.Func
	for c, n := range t.of {
		told = append(told, heads.Plain(s.In(fmt.Sprint(c)), dim, then(hidden, max(n, 1))...))
	}
	return func(y *graph.Node) *graph.Node {
		var parts []*graph.Node
		for c, tell := range told {
			parts = append(parts, tell(op.Reshape(op.Slice(y, 1, c, c+1), -1, dim)))
		}
		return op.Concat(1, parts...)
	}
}
