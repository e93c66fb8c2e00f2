package layer

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// WindowBlock is a transformer's block whose tokens attend to those of their own square window of a map.
//
// Liu et al. 2021, Swin, arXiv:2103.14030, section 3.2, with learned biases by distance, a table a block. A map no
// larger than a window is one window, which is never shifted. Linear layers begin as ViT's here, by XavierUniform; the
// authors draw them from a normal distribution of 0.02.
type WindowBlock struct {
	Dim, Heads int
	Window     int  // side, tokens
	Shift      bool // windows lie half a window further down and right, those at the border wrapped around it
}

// windowEps is the epsilon of its norms, as in the authors' code.
const windowEps = 1e-5

// New is the block on maps [B,H,W,Dim] of whole windows. A branch passes through drop, which may be nil.
func (o WindowBlock) New(s *graph.Scope, drop Func) Func {
	norm1, at := LayerNormEps(s.In("norm1"), o.Dim, windowEps), s.In("attn")
	qkv, proj := Dense(at.In("qkv"), o.Dim, 3*o.Dim), Dense(at.In("proj"), o.Dim, o.Dim)
	relative := Relative{Rows: o.Window, Columns: o.Window, Parts: true}
	table := relative.NewTable(at.Plain(), o.Heads) // without decay, as in the authors' code
	norm2, mlp := LayerNormEps(s.In("norm2"), o.Dim, windowEps), MLP(s.In("mlp"), o.Dim, 4*o.Dim)
	if drop == nil {
		drop = Chain()
	}
	attend := func(x *graph.Node) *graph.Node {
		size := op.ShapeOf(x)
		b, h, w := size[0], size[1], size[2]
		rows, columns, shift := min(o.Window, h), min(o.Window, w), o.Window/2
		if h%rows != 0 || w%columns != 0 {
			op.Fail(s.Path(), "windows of %d tokens do not tile a map of %dx%d", o.Window, h, w)
		}
		if !o.Shift || h <= o.Window || w <= o.Window {
			shift = 0
		}
		x = roll(x, shift)
		n := h / rows * (w / columns)
		windows := op.Transpose(op.Reshape(x, b, h/rows, rows, w/columns, columns, o.Dim), 0, 1, 3, 2, 4, 5)
		all := op.Reshape(qkv(op.Reshape(windows, b*n, rows*columns, o.Dim)), b*n, rows*columns, 3, o.Heads,
			o.Dim/o.Heads)
		bias := relative.Bias(at, table, Grid{Rows: rows, Columns: columns}) // [heads,T,T]
		if t := rows * columns; shift > 0 {
			name := fmt.Sprintf("const/shifted/%dx%d/%d", h, w, o.Window)
			apart := s.Floats(name, shifted(h, w, o.Window), n, 1, t, t)
			bias = op.Reshape(op.BroadcastTo(op.Add(apart, bias), ir.Shape{b, n, o.Heads, t, t}), b*n, o.Heads, t, t)
		}
		y := proj(attendPacked(s, all, Mask{Bias: bias}))
		y = op.Transpose(op.Reshape(y, b, h/rows, w/columns, rows, columns, o.Dim), 0, 1, 3, 2, 4, 5)
		return roll(op.Reshape(y, b, h, w, o.Dim), -shift)
	}
	return func(x *graph.Node) *graph.Node {
		x = op.Add(x, drop(attend(norm1(x))))
		return op.Add(x, drop(mlp(norm2(x))))
	}
}

// roll moves maps x [B,H,W,C] up and left by so many tokens, and what leaves them comes in again at the other side.
func roll(x *graph.Node, by int) *graph.Node {
	if by == 0 {
		return x
	}
	for axis := 1; axis <= 2; axis++ {
		n := op.ShapeOf(x)[axis]
		at := (by + n) % n
		x = op.Concat(axis, op.Slice(x, axis, at, n), op.Slice(x, axis, 0, at))
	}
	return x
}

// shifted keeps apart what a shift has brought into one window from two sides of a map: [windows,T,T], far for queries
// and keys that were no neighbours.
func shifted(h, w, window int) (v []float64) {
	side := func(at, n int) int { // which of three parts of an axis a token is from
		switch {
		case at < n-window:
			return 0
		case at < n-window/2:
			return 1
		}
		return 2
	}
	for top := 0; top < h; top += window {
		for left := 0; left < w; left += window {
			for i := range window * window {
				for j := range window * window {
					a := [2]int{side(top+i/window, h), side(left+i%window, w)}
					b := [2]int{side(top+j/window, h), side(left+j%window, w)}
					if a == b {
						v = append(v, 0)
					} else {
						v = append(v, far)
					}
				}
			}
		}
	}
	return v
}
