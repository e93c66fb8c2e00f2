package dense

import (
	"fmt"
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
)

// summaryBlocks is how many blocks of class attention make a summary, as in the authors' code.
const summaryBlocks = 2

// summary is a token that reads others by blocks of class attention, [N,T,D] -> [N,1,D]: Touvron et al. 2021,
// arXiv:2103.17239, section 2.2, without LayerScale.
func summary(s *graph.Scope, dim, heads int) layer.Func {
	class := op.Reshape(s.Param("class", graph.Normal(0.02), 1, dim), 1, 1, dim) // two axes: it decays
	type block struct {
		norm1, norm2, mlp layer.Func
		attend            func(x, y *graph.Node, m layer.Mask) *graph.Node
	}
	var blocks []block
	for i := range summaryBlocks {
		at := s.In(fmt.Sprintf("blocks/%d", i))
		blocks = append(blocks, block{layer.LayerNorm(at.In("norm1"), dim), layer.LayerNorm(at.In("norm2"), dim),
			layer.MLP(at.In("mlp"), dim, 4*dim), layer.CrossAttention(at.In("attn"), dim, dim, heads)})
	}
	return func(x *graph.Node) *graph.Node {
		y := op.BroadcastTo(class, ir.Shape{op.ShapeOf(x)[0], 1, dim})
		for _, o := range blocks {
			all := o.norm1(op.Concat(1, y, x))
			y = op.Add(y, o.attend(op.Slice(all, 1, 0, 1), all, layer.Mask{}))
			y = op.Add(y, o.mlp(o.norm2(y)))
		}
		return y
	}
}

// neighbourhood is how many patches lie around one.
const neighbourhood = 8

// around is for every patch of a grid the eight around it, in rising order, [T*8]. The grid goes on at its opposite
// border.
func around(rows, columns int) []int32 {
	var ids []int32
	for y := range rows {
		for x := range columns {
			var own []int32
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if dy != 0 || dx != 0 {
						own = append(own, int32((y+dy+rows)%rows*columns+(x+dx+columns)%columns))
					}
				}
			}
			slices.Sort(own)
			ids = append(ids, own...)
		}
	}
	return ids
}

// nearest are the neighbours of every patch of x [N,T,D] that are most like it, the first the most, [N*T,k,D].
func (m *SelfPatch) nearest(s *graph.Scope, x *graph.Node, rows, columns int) *graph.Node {
	n, t, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	if rows < 3 || columns < 3 {
		op.Fail(s.Path(), "a view of %dx%d patches, of which some would be neighbours twice; want at least 3x3, by "+
			"larger views.crops or smaller patches", rows, columns)
	}
	own := around(rows, columns)
	ids := s.Ints(fmt.Sprintf("const/around%dx%d_%d", rows, columns, n), slices.Repeat(own, n))
	near := op.GatherTokens(x, op.Reshape(ids, n, t*neighbourhood))
	return op.GatherTokens(op.Reshape(near, n*t, neighbourhood, d), m.mostAlike(x, near))
}

// mostAlike are the places of the k neighbours [N,T*8,D] that are most like the patches x [N,T,D]: [N*T,k] int32.
func (m *SelfPatch) mostAlike(x, near *graph.Node) *graph.Node {
	n, t, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(op.StopGradient(x), losses.Eps) }
	cosines := op.MatMul(op.Reshape(unit(near), n*t, neighbourhood, d), op.Reshape(unit(x), n*t, 1, d), false, true)
	return op.TopK(op.Reshape(cosines, n*t, neighbourhood), m.Neighbours)
}
