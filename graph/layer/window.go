package layer

import (
	"fmt"

	"selfsup/graph"
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
		g := windowsOf(s, h, w, o.Window, o.Shift)
		n, t := g.windows(), g.tokens()
		all := op.Reshape(qkv(g.cut(x)), b*n, t, 3, o.Heads, o.Dim/o.Heads)
		bias := relative.Bias(at, table, Grid{Rows: g.rows, Columns: g.columns}) // [heads,T,T]
		if g.shift > 0 {
			name := fmt.Sprintf("const/shifted/%dx%d/%d", h, w, o.Window)
			bias = op.Add(s.Floats(name, shifted(h, w, o.Window, 0), n, 1, t, t), bias)
		}
		return g.join(proj(attendPacked(s, all, Mask{Bias: bias})))
	}
	return func(x *graph.Node) *graph.Node {
		x = op.Add(x, drop(attend(norm1(x))))
		return op.Add(x, drop(mlp(norm2(x))))
	}
}

// windows are how a map of h x w tokens is cut into windows of rows x columns.
type windows struct{ h, w, rows, columns, shift int }

// windowsOf are square windows of size tokens of side, or the whole map on a side no longer. Windows are shifted only
// where a map has several on both sides.
func windowsOf(s *graph.Scope, h, w, size int, shift bool) windows {
	g := windows{h: h, w: w, rows: min(size, h), columns: min(size, w)}
	if h%g.rows != 0 || w%g.columns != 0 {
		op.Fail(s.Path(), "windows of %d tokens do not tile a map of %dx%d; the nearest that do are of %d", size, h, w,
			NearestWindow(size, h, w))
	}
	if shift && h > size && w > size {
		g.shift = size / 2
	}
	return g
}

// NearestWindow is the side of windows that tile a map of h x w tokens, as near to size as there is.
func NearestWindow(size, h, w int) int {
	best := max(h, w)
	for n := max(h, w); n > 0; n-- {
		if off := abs(n - size); off < abs(best-size) && (h <= n || h%n == 0) && (w <= n || w%n == 0) {
			best = n
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

func (g windows) windows() int { return g.h / g.rows * (g.w / g.columns) } // n, of a map
func (g windows) tokens() int  { return g.rows * g.columns }               // T, of a window

// cut is the windows of maps x [B,H,W,C]: [B*n,T,C].
func (g windows) cut(x *graph.Node) *graph.Node {
	size := op.ShapeOf(x)
	b, c := size[0], size[3]
	x = op.Reshape(roll(x, g.shift), b, g.h/g.rows, g.rows, g.w/g.columns, g.columns, c)
	return op.Reshape(op.Transpose(x, 0, 1, 3, 2, 4, 5), b*g.windows(), g.tokens(), c)
}

// join is the maps [B,H,W,C] of windows y [B*n,T,C].
func (g windows) join(y *graph.Node) *graph.Node {
	size := op.ShapeOf(y)
	b, c := size[0]/g.windows(), size[2]
	y = op.Transpose(op.Reshape(y, b, g.h/g.rows, g.w/g.columns, g.rows, g.columns, c), 0, 1, 3, 2, 4, 5)
	return roll(op.Reshape(y, b, g.h, g.w, c), -g.shift)
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
// and keys that were no neighbours. The first tokens of a window, special, are apart from none.
func shifted(h, w, window, special int) (v []float64) {
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
			part := func(i int) [2]int { return [2]int{side(top+i/window, h), side(left+i%window, w)} }
			for i := -special; i < window*window; i++ {
				for j := -special; j < window*window; j++ {
					if i < 0 || j < 0 || part(i) == part(j) {
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
