package plan_test

import (
	"strings"
	"testing"

	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// The gradient of a batch norm, and of its ReLU, goes into a first layer's gradient by the weights, where nobody else
// reads it.
func TestAbsorbGradientNorm(t *testing.T) {
	c := op.Conv{Stride: [2]int{1, 1}, Pad: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}
	half := c
	half.BF16 = true
	weights := func(c op.Conv, in, out int) op.ConvBackwardWeights {
		return op.ConvBackwardWeights{Conv: c, W: [4]int{3, 3, in, out}}
	}
	for _, s := range []struct {
		name    string
		in, out int
		c       op.Conv
		extra   func(b *builder, g int)
		absorbs bool
	}{
		{"a first layer", 3, 16, c, nil, true},
		{"its gradient is wanted", 3, 16, c, func(b *builder, g int) { b.output(g) }, false},
		{"its gradient goes on", 3, 16, c, func(b *builder, g int) {
			b.output(b.do(op.ConvBackwardData{Conv: c, X: [4]int{2, 4, 4, 3}}, g, b.input(3, 3, 3, 16)))
		}, false},
		{"many channels", 16, 16, c, nil, false},
		{"uneven channels", 3, 12, c, nil, false},
		{"bf16", 3, 16, half, nil, false},
	} {
		t.Run(s.name, func(t *testing.T) {
			var b builder
			y := b.do(neg, b.input(2, 4, 4, s.out))
			stats, gamma, beta := b.do(op.Stats{}, y), b.state(s.out), b.state(s.out)
			z := b.do(relu, b.do(op.BatchNormOp{BN: op.BN{Eps: 100}}, y, stats, gamma, beta))
			b.output(z)
			g := b.do(op.UnaryGrad{Fn: "relu"}, b.input(2, 4, 4, s.out), z)
			sums := b.do(op.NormSums{Eps: 100}, g, y, stats)
			g = b.do(op.NormBackward{BN: op.BN{Eps: 100}}, g, y, stats, sums, gamma)
			if s.extra != nil {
				s.extra(&b, g)
			}
			b.output(b.do(weights(s.c, s.in, s.out), b.input(2, 4, 4, s.in), g))
			p := b.clone()
			if err := plan.Plan(p, plan.Options{Supports: cpu.Backend{}.Supports}); err != nil {
				t.Fatal(err)
			}
			got := listing(p)
			if absorbed := strings.Contains(got,
				"Behind:{On:true Of:{BN:{Eps:100} Relu:true}"); absorbed != s.absorbs ||
				absorbed == strings.Contains(got, "batch_norm_dx") {
				t.Errorf("absorbed: %v, want %v: %s", absorbed, s.absorbs, got)
			}
			if !s.c.BF16 {
				b.compare(t, s.name)
			}
		})
	}
}

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
				t.Errorf("%d norms are left and %d convolutions norm, want %d and %d: %s", norms, convs, c.norms,
					c.convs, got)
			}
			b.compare(t, c.name)
		})
	}
}
