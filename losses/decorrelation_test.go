package losses_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/losses"
)

// Off-diagonal covariances against plain loops, with fewer rows than dimensions and with more.
func TestDecorrelation(t *testing.T) {
	for _, size := range [][2]int{{2, 2}, {3, 5}, {5, 3}, {7, 7}, {6, 40}, {40, 6}} {
		n, d := size[0], size[1]
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			s.Output("loss", losses.Decorrelation(s.Input("z", n, d)))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		in, err := p.Input("z")
		if err != nil {
			t.Fatal(err)
		}
		z, r := in.F32, graph.Rand(3, "z")
		for i := range z {
			z[i] = float32(2 + r.NormFloat64())
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out, err := p.Output("loss")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := out.At(0), decorrelation(z, n, d); math.Abs(got-want) > 1e-5*want {
			t.Errorf("z [%d,%d]: got %v, want %v", n, d, got, want)
		}
	}
}

// decorrelation is the definition: sum over j != k of cov(j,k)^2, over D.
func decorrelation(z []float32, n, d int) float64 {
	mean := make([]float64, d)
	for i, v := range z {
		mean[i%d] += float64(v) / float64(n)
	}
	var sum float64
	for j := range d {
		for k := range d {
			var c float64
			for i := range n {
				c += (float64(z[i*d+j]) - mean[j]) * (float64(z[i*d+k]) - mean[k]) / float64(n-1)
			}
			if j != k {
				sum += c * c
			}
		}
	}
	return sum / float64(d)
}
