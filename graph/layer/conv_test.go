package layer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

// Convolutions of every kind give the shapes that their descriptions say, with parameters of the shapes that they
// say, and have gradients.
func TestConvolutions(t *testing.T) {
	for _, c := range []struct {
		name   string
		build  func(s *scope) layer.Func
		x, y   ir.Shape
		params string
	}{
		{"wave", layer.Conv2D{In: 1, Out: 6, Kernel: [2]int{10, 1}, Stride: [2]int{5, 1}, Pad: [2]int{3, 0},
			Bias: true}.New,
			ir.Shape{2, 40, 1, 1}, ir.Shape{2, 8, 1, 6}, "weight[10,1,1,6] bias[6]"},
		{"depthwise", layer.Conv2D{In: 4, Out: 4, Kernel: [2]int{7, 7}, Pad: [2]int{3, 3}, Groups: 4, Bias: true}.New,
			ir.Shape{1, 5, 6, 4}, ir.Shape{1, 5, 6, 4}, "weight[7,7,1,4] bias[4]"},
		{"dilated, without bias",
			layer.Conv2D{In: 2, Out: 3, Kernel: [2]int{3, 2}, Stride: [2]int{1, 2}, Dilation: [2]int{2, 1}}.New,
			ir.Shape{1, 6, 6, 2}, ir.Shape{1, 2, 3, 3}, "weight[3,2,2,3]"},
		{"generator", layer.ConvTranspose{In: 5, Out: 4, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2},
			Pad: [2]int{1, 1}, Bias: true}.New,
			ir.Shape{2, 3, 4, 5}, ir.Shape{2, 6, 8, 4}, "weight[4,4,4,5] bias[4]"},
		{"transposed groups", layer.ConvTranspose{In: 4, Out: 6, Kernel: [2]int{3, 3}, Stride: [2]int{2, 3},
			More: [2]int{1, 2}, Groups: 2}.New,
			ir.Shape{1, 2, 2, 4}, ir.Shape{1, 6, 8, 6}, "weight[3,3,3,4]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *scope) *op.Node {
				y := c.build(s.In("conv"))(s.Input("x", c.x...))
				if got := op.ShapeOf(y); !got.Equal(c.y) {
					t.Errorf("got %v, want %v", got, c.y)
				}
				var params []string
				for _, p := range s.Params() {
					params = append(params, fmt.Sprint(strings.TrimPrefix(s.Name(p), "conv/"), op.ShapeOf(p)))
				}
				if got := strings.Join(params, " "); got != c.params {
					t.Errorf("parameters are %s, want %s", got, c.params)
				}
				return op.SumAll(op.Mul(y, s.Input("dy", c.y...)))
			}, nil, 6, 1e-6)
		})
	}
}

// Weights and biases are drawn evenly within the root of the fan in, or as the description says.
func TestConvolutionInit(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(s *scope) layer.Func
		bound float64
	}{
		{"grouped", layer.Conv2D{In: 32, Out: 64, Kernel: [2]int{2, 2}, Groups: 2, Bias: true}.New, 1. / 8},
		{"transposed", layer.ConvTranspose{In: 64, Out: 32, Kernel: [2]int{2, 2}, Groups: 2, Bias: true}.New, 1. / 8},
		{"given", layer.Conv2D{In: 32, Out: 64, Kernel: [2]int{2, 2}, Init: graph.Uniform(3)}.New, 3},
	} {
		g, err := graph.Build(graph.Options{}, func(s *scope) {
			c.build(s)
			for _, p := range s.Params() {
				s.Output("out/"+s.Name(p), p)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		if _, err := g.Compile(ref.Backend{}, st); err != nil {
			t.Fatal(err)
		}
		for _, n := range st.Names() {
			v := st.Get(n).F32
			low, high := float64(slices.Min(v)), float64(slices.Max(v))
			if low < -c.bound || low > -0.8*c.bound || high > c.bound || high < 0.8*c.bound {
				t.Errorf("%s: %s lies in [%v, %v], want to fill +-%v", c.name, n, low, high, c.bound)
			}
		}
	}
}
