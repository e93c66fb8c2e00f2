package plan_test

import (
	"slices"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Which values are kept in two bytes, by the operation that makes them, and that results are what they are without.
func TestNarrow(t *testing.T) {
	conv := op.ConvForward{Conv: op.Conv{Stride: [2]int{1, 1}, Pad: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1,
		BF16: true}}
	for _, c := range []struct {
		name  string
		build func(b *builder)
		want  []string
	}{
		{"rounded where it is made", func(b *builder) {
			x := b.do(op.RoundOp{}, b.do(op.AffineOp{A: 2}, b.input(4, 6)))
			b.output(b.do(relu, x))
			b.output(b.do(add, x, x))
		}, []string{"round"}},
		{"a reader that takes float32 only", func(b *builder) {
			x := b.do(op.RoundOp{}, b.do(op.AffineOp{A: 2}, b.input(4, 6)))
			b.output(b.do(relu, x))
			b.output(b.do(sub, x, x))
		}, nil},
		{"rounded by all who read it, through a view", func(b *builder) {
			x := b.do(relu, b.input(2, 6, 5, 8))
			b.output(b.do(conv, x, b.input(3, 3, 8, 4)))
			b.output(b.do(conv, b.do(reshape(1, 12, 5, 8), x), b.input(3, 3, 8, 4)))
		}, []string{"reshape", "unary"}},
		{"not rounded by one of them", func(b *builder) {
			x := b.do(relu, b.input(2, 6, 5, 8))
			b.output(b.do(conv, x, b.input(3, 3, 8, 4)))
			b.output(b.do(neg, x))
		}, nil},
		{"an output", func(b *builder) { b.output(b.do(op.RoundOp{}, b.input(4, 6))) }, nil},
		{"new state", func(b *builder) {
			s := b.state(4, 6)
			x := b.do(op.RoundOp{}, b.do(op.AffineOp{A: 2}, s))
			b.update(s, x)
			b.output(b.do(relu, x))
		}, nil},
		{"a product of float32", func(b *builder) {
			b.output(b.do(matmul(), b.do(relu, b.input(4, 6)), b.input(6, 3)))
		}, nil},
		{"the ReLU's gradient, and the residual sum around it", func(b *builder) {
			x := b.do(neg, b.input(2, 6, 5, 8))
			y := b.do(relu, b.do(op.RoundOp{}, b.do(add, x, b.input(2, 6, 5, 8))))
			b.output(b.do(conv, y, b.input(3, 3, 8, 4)))
			b.output(b.do(op.UnaryGrad{Fn: "relu"}, b.input(2, 6, 5, 8), y))
		}, []string{"binary"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b builder
			c.build(&b)
			p := b.compareWithin(t, c.name, 0)
			var got []string
			for _, v := range p.Bufs {
				if v.DType == ir.BF16 {
					got = append(got, v.Name)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("in two bytes: %v, want %v", got, c.want)
			}
			b.compareWithin(t, c.name+" in the smallest arena", 1)
		})
	}
}
