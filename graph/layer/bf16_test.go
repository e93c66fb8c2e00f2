package layer_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
)

// Layers in bfloat16 precision give on the processor what they give on the reference backend, values and gradients,
// within some roundings, and something else than in float32: they do round.
func TestLayersInBF16(t *testing.T) {
	for _, c := range []struct {
		name  string
		x     ir.Shape
		build func(s *scope, x *op.Node) *op.Node
	}{
		{"convolution", ir.Shape{2, 9, 1, 5}, func(s *scope, x *op.Node) *op.Node {
			return layer.Conv2D{In: 5, Out: 7, Kernel: [2]int{4, 1}, Stride: [2]int{2, 1}, Bias: true}.New(s)(x)
		}},
		{"transposed convolution", ir.Shape{2, 3, 4, 5}, func(s *scope, x *op.Node) *op.Node {
			return layer.ConvTranspose{In: 5, Out: 3, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1},
				Bias: true}.New(s)(x)
		}},
		{"masked attention", ir.Shape{2, 5, 8}, func(s *scope, x *op.Node) *op.Node {
			return layer.MaskedAttention(s, 8, 2, layer.Mask{Causal: true})(x)
		}},
		{"cross-attention", ir.Shape{2, 5, 8}, func(s *scope, x *op.Node) *op.Node {
			return layer.CrossAttention(s, 8, 8, 2)(op.Slice(x, 1, 0, 2), x, layer.Mask{})
		}},
		{"gru", ir.Shape{2, 5, 3}, func(s *scope, x *op.Node) *op.Node { return layer.GRU(s, 3, 4)(x) }},
		{"lstm", ir.Shape{2, 5, 3}, func(s *scope, x *op.Node) *op.Node { return layer.LSTM(s, 3, 4)(x) }},
		{"unit rows", ir.Shape{6, 5},
			func(s *scope, x *op.Node) *op.Node { return layer.WeightNormLinear(s, 5, 7, true)(x) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			values := func(b ir.Backend, bf16 bool) (v [2][]float64) {
				g, err := graph.Build(graph.Options{Training: true, BF16: bf16}, func(s *scope) {
					x := s.Param("x", graph.Normal(1), c.x...)
					y := c.build(s.In("layer"), x)
					s.Output("y", y)
					s.Output("dx", s.Gradients(op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...))), []*op.Node{x})[0])
				})
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.Compile(b, graph.NewStore(1))
				if err != nil {
					t.Fatal(err)
				}
				dy, err := p.Input("dy")
				if err != nil {
					t.Fatal(err)
				}
				optest.Fill(dy, "dy")
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				return [2][]float64{ongraph.Read(t, p, "y"), ongraph.Read(t, p, "dx")}
			}
			got, want, exact := values(cpu.Backend{Poison: true}, true), values(ref.Backend{}, true),
				values(ref.Backend{}, false)
			for i, what := range []string{"value", "gradient"} {
				off, rounded := apart(got[i], want[i]), apart(exact[i], want[i])
				if off > 1e-2 || rounded == 0 || rounded > 3e-2 {
					t.Errorf("%s: off by %.2g of the largest, want at most 0.01; float32 is %.2g away, want some",
						what, off, rounded)
				}
			}
		})
	}
}

// apart is the largest difference, relative to the largest value.
func apart(got, want []float64) float64 {
	var d, largest float64
	for i := range want {
		d, largest = math.Max(d, math.Abs(got[i]-want[i])), math.Max(largest, math.Abs(want[i]))
	}
	return d / largest
}
