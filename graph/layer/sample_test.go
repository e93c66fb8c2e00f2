package layer_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

// sampled is bilinear interpolation of a map [H,W,C] at a point, by plain loops.
func sampled(x []float64, h, w, c int, px, py float64) []float64 {
	px, py = min(max(px, 0), float64(w-1)), min(max(py, 0), float64(h-1))
	out := make([]float64, c)
	for y := range h {
		for u := range w {
			near := max(0, 1-math.Abs(px-float64(u))) * max(0, 1-math.Abs(py-float64(y)))
			for k := range c {
				out[k] += near * x[(y*w+u)*c+k]
			}
		}
	}
	return out
}

func TestSample(t *testing.T) {
	for _, size := range [][5]int{{2, 5, 4, 3, 7}, {1, 1, 6, 2, 4}, {1, 3, 1, 1, 4}, {3, 1, 1, 2, 3}} {
		b, h, w, c, n := size[0], size[1], size[2], size[3], size[4]
		r := rand.New(rand.NewPCG(1, 2))
		x, at := make([]float64, b*h*w*c), make([]float64, b*n*2)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		for i := range at {
			at[i] = r.Float64()*9 - 2
			if i%5 == 0 {
				at[i] = math.Round(at[i])
			}
		}
		for name, backend := range map[string]ir.Backend{"ref": ref.Backend{}, "cpu": cpu.Backend{Poison: true}} {
			kind := ir.F64
			if name == "cpu" {
				kind = ir.F32
			}
			g, err := graph.Build(graph.Options{DType: kind}, func(s *graph.Scope) {
				s.Output("y", layer.Sample(s, s.Floats("x", x, b, h, w, c), s.Floats("at", at, b, n, 1, 2)))
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Compile(backend, graph.NewStore(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			y, _ := p.Output("y")
			for i := range b * n {
				want := sampled(x[i/n*h*w*c:][:h*w*c], h, w, c, at[2*i], at[2*i+1])
				for k, v := range want {
					if got := y.At(i*c + k); math.Abs(got-v) > 1e-5 {
						t.Fatalf("%s, %v: point %v is %v, want %v", name, size, at[2*i:2*i+2], got, v)
					}
				}
			}
		}
	}
}

// Maps and points have the gradient of finite differences, within the map and beyond it; maps read at their own places
// are themselves.
func TestSampleGradient(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		x := s.Param("x", graph.Normal(1), 2, 4, 5, 2)
		away := s.Param("away", graph.Normal(0.2), 2, 4, 5, 2)
		at := op.Add(op.Add(layer.Places(s, 4, 5), away), s.Constant(0.4))
		return op.SumAll(op.Square(layer.Sample(s, x, at)))
	}, nil, 40, 1e-6)
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		x := s.Param("x", graph.Normal(1), 2, 3, 4, 2)
		at := op.BroadcastTo(layer.Places(s, 3, 4), ir.Shape{2, 3, 4, 2})
		s.Output("left", op.SumAll(op.Square(op.Sub(layer.Sample(s, x, at), x))))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if y, _ := p.Output("left"); y.At(0) > 1e-20 {
		t.Errorf("a map read at its own places differs from itself by %v", y.At(0))
	}
	_, err = graph.Build(graph.Options{}, func(s *graph.Scope) {
		layer.Sample(s, s.Input("x", 2, 3, 4, 1), s.Input("at", 1, 3, 4, 2))
	})
	if err == nil || !strings.Contains(err.Error(), "want [B,H,W,C] and [B,h,w,2]") {
		t.Errorf("got %v", err)
	}
}
