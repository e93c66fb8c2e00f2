package layer

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// gridWindows is attention of tokens on a grid where patches attend to the patches of their window and to the tokens
// without a place, such as a class token and registers, which attend to all and so join the windows.
//
// The windows and their shift are those of Liu et al. 2021, Swin, arXiv:2103.14030, section 3.2, as EsViT has them (Li
// et al. 2022, arXiv:2106.09785); the global tokens beside them are those of Zhang et al. 2021, ViL, arXiv:2103.15358,
// section 3.1, which has windows around every patch instead.
func (o Thrifty) gridWindows(s *graph.Scope, qkv, keys *graph.Node, g Grid) *graph.Node {
	shape := op.ShapeOf(qkv)
	b, t, heads, d := shape[0], shape[1], shape[3], shape[4]
	if t != g.Tokens() {
		op.Fail(s.Path(), "attention = \"window\": %d tokens on a grid of %d; a method that leaves tokens out wants "+
			"\"performer\" or \"full\"", t, g.Tokens())
	}
	tiles := windowsOf(s, g.Rows, g.Columns, o.Size, o.Shift)
	n, each := tiles.windows(), g.Special+tiles.tokens()
	if n == 1 {
		return attendPacked(s, qkv, Mask{Keys: keys})
	}
	cut := func(x *graph.Node) *graph.Node { // [B,T,C] -> [B*n,each,C], the tokens without a place in every window
		c := op.ShapeOf(x)[2]
		w := tiles.cut(op.Reshape(op.Slice(x, 1, g.Special, t), b, g.Rows, g.Columns, c))
		if g.Special == 0 {
			return w
		}
		global := op.Reshape(op.Slice(x, 1, 0, g.Special), b, 1, g.Special, c)
		global = op.Reshape(op.BroadcastTo(global, ir.Shape{b, n, g.Special, c}), b*n, g.Special, c)
		return op.Concat(1, global, w)
	}
	var m Mask
	if keys != nil {
		m.Keys = op.Reshape(cut(op.Reshape(keys, b, t, 1)), b*n, each)
	}
	if tiles.shift > 0 {
		name := fmt.Sprintf("const/shifted/%d+%dx%d/%d", g.Special, g.Rows, g.Columns, o.Size)
		m.Bias = s.Floats(name, shifted(g.Rows, g.Columns, o.Size, g.Special), n, 1, each, each)
	}
	y := attendPacked(s, op.Reshape(cut(op.Reshape(qkv, b, t, -1)), b*n, each, 3, heads, d), m) // [B*n,each,heads*D]
	patches := op.Reshape(tiles.join(op.Slice(y, 1, g.Special, each)), b, g.Rows*g.Columns, heads*d)
	if g.Special == 0 {
		return patches
	}
	q, k, v := unpack(qkv)
	return op.Concat(1, Attend(s, op.Slice(q, 1, 0, g.Special), k, v, Mask{Keys: keys}), patches)
}
