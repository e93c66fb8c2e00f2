package plan_test

import (
	"strings"
	"testing"

	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// A batch norm goes into the convolutions of what it makes: all of them, or those behind the last that cannot.
func TestAbsorbNorm(t *testing.T) {
	pointwise := op.Conv{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}
	conv := op.ConvForward{Conv: pointwise}
	weights := op.ConvBackwardWeights{Conv: pointwise, W: [4]int{1, 1, 4, 3}}
	// norm is a batch norm with ReLU of x by x's statistics.
	norm := func(b *builder, x int) int {
		return b.do(relu, b.do(op.BatchNormOp{BN: op.BN{Eps: 100}}, x, b.do(op.Stats{}, x), b.state(4), b.state(4)))
	}
	for _, c := range []struct {
		name  string
		build func(b *builder)
		norms int // operations left
		convs int // convolutions that norm
	}{
		{"forward alone", func(b *builder) {
			b.output(b.do(conv, norm(b, b.do(neg, b.input(2, 3, 3, 4))), b.input(1, 1, 4, 3)))
		}, 0, 1},
		{"both readers", func(b *builder) {
			y := norm(b, b.do(neg, b.input(2, 3, 3, 4)))
			b.output(b.do(conv, y, b.input(1, 1, 4, 3)))
			b.output(b.do(weights, y, b.input(2, 3, 3, 3)))
		}, 0, 2},
		{"an output", func(b *builder) {
			y := norm(b, b.input(2, 3, 3, 4))
			b.output(y)
			b.output(b.do(conv, y, b.input(1, 1, 4, 3)))
		}, 1, 0},
		{"behind a skip, what was normed lives on", func(b *builder) {
			x := b.do(neg, b.input(2, 3, 3, 4))
			y := norm(b, x)
			b.output(b.do(conv, y, b.input(1, 1, 4, 3)))
			b.output(b.do(add, y, b.input(2, 3, 3, 4)))
			b.output(b.do(weights, y, b.input(2, 3, 3, 3)))
			b.output(b.do(neg, x))
		}, 1, 1},
		{"behind a skip, what was normed dies", func(b *builder) {
			x := b.do(neg, b.input(2, 3, 3, 4))
			y := norm(b, x)
			b.output(b.do(add, y, b.input(2, 3, 3, 4)))
			b.output(b.do(weights, y, b.input(2, 3, 3, 3)))
		}, 1, 0},
		{"the gradient of its relu does not stand in the way", func(b *builder) {
			x := b.do(neg, b.input(2, 3, 3, 4))
			stats, gamma, beta := b.do(op.Stats{}, x), b.state(4), b.state(4)
			y := b.do(relu, b.do(op.BatchNormOp{BN: op.BN{Eps: 100}}, x, stats, gamma, beta))
			b.output(b.do(conv, y, b.input(1, 1, 4, 3)))
			g := b.do(op.UnaryGrad{Fn: "relu"}, b.input(2, 3, 3, 4), y)
			sums := b.do(op.NormSums{Eps: 100}, g, x, stats)
			b.output(b.do(op.NormBackward{BN: op.BN{Eps: 100}}, g, x, stats, sums, gamma))
		}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b builder
			c.build(&b)
			p := b.clone()
			if err := plan.Plan(p, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			norms := 0
			for _, in := range p.Instrs {
				if in.Spec.Name() == "batch_norm" {
					norms++
				}
			}
			got := listing(p)
			if convs := strings.Count(got, "Norm:{On:true"); norms != c.norms || convs != c.convs {
				t.Errorf("%d norms are left and %d convolutions norm, want %d and %d: %s", norms, convs, c.norms, c.convs, got)
			}
			b.compare(t, c.name)
		})
	}
}
