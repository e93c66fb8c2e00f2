package plan_test

import (
	"testing"

	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// The gradients of a product run in the order that leaves less in memory.
func TestPairs(t *testing.T) {
	byX := op.MatMulOp{TransB: true}
	byW := op.MatMulOp{TransA: true}
	for _, c := range []struct {
		name  string
		build func(b *builder) (first int) // the buffer that should be made first of the last two
	}{
		{"what the layer read dies with the second", func(b *builder) int {
			x, w, dy := b.do(neg, b.input(64, 32)), b.input(32, 16), b.input(64, 16)
			b.output(b.do(byX, dy, w))
			dw := b.do(byW, x, dy)
			b.output(dw)
			return dw
		}},
		{"past what came before it too", func(b *builder) int {
			h, x := b.do(neg, b.input(64, 32)), b.do(neg, b.input(64, 32))
			w, dy := b.input(32, 16), b.input(64, 16)
			dh := b.do(byX, dy, w)
			b.output(b.do(op.SumToOp{To: op.DimsOf([]int{16}), Scale: 1}, dy))
			dw := b.do(byW, x, dy)
			b.output(dw)
			b.output(b.do(op.UnaryGrad{Fn: "gelu"}, dh, h))
			return dw
		}},
		{"through a view", func(b *builder) int {
			x, w, dy := b.do(neg, b.input(32, 64)), b.input(32, 16), b.input(64, 16)
			x = b.do(reshape(64, 32), x)
			b.output(b.do(byX, dy, w))
			dw := b.do(byW, x, dy)
			b.output(dw)
			return dw
		}},
		{"or is wanted", func(b *builder) int {
			x, w, dy := b.do(neg, b.input(64, 32)), b.input(32, 16), b.input(64, 16)
			b.output(x)
			dx := b.do(byX, dy, w)
			b.output(dx)
			b.output(b.do(byW, x, dy))
			return dx
		}},
		{"the second reads the first", func(b *builder) int {
			x, dy := b.do(neg, b.input(16, 16)), b.input(16, 16)
			y := b.do(matmul(), dy, dy)
			b.output(y)
			b.output(b.do(matmul(), b.do(matmul(), y, dy), x))
			return y
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b builder
			first := c.build(&b)
			p := b.clone()
			if err := plan.Plan(p, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			at := map[int]int{}
			for i, in := range p.Instrs {
				at[in.Out] = i
			}
			for _, in := range p.Instrs {
				if in.Spec.Name() == "matmul" && at[in.Out] < at[first] {
					t.Errorf("buffer %d is not made first: %s", first, listing(p))
				}
			}
			b.compare(t, c.name)
		})
	}
}
