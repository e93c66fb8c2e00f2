package heads_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/heads"
)

// Dimensions of a group are white afterwards, where there are enough iterations, and those of two groups need not be.
func TestIterNormWhitens(t *testing.T) {
	const n, d, group = 40, 6, 3
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		x := s.Input("x", n, d)
		mixed := op.Add(x, op.Scale(op.SumAxes(x, true, 1), 0.3)) // dimensions correlate
		y := heads.IterNorm{Group: group, Iterations: 12}.New(s, d)(mixed)
		y = op.Sub(y, op.Mean(y, true, 0))
		s.Output("cov", op.Scale(op.ColumnGram(y), 1.0/n))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	optest.Fill(x, "x")
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	cov, err := p.Output("cov")
	if err != nil {
		t.Fatal(err)
	}
	across := 0.0
	for i := range d {
		for j := range d {
			got := cov.At(i*d + j)
			if i/group != j/group {
				across = max(across, math.Abs(got))
				continue
			}
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(got-want) > 1e-3 {
				t.Errorf("covariance of dimensions %d and %d is %v, want %v", i, j, got, want)
			}
		}
	}
	if across < 0.05 {
		t.Errorf("dimensions of two groups correlate by at most %v: they are whitened too", across)
	}
}

// The gradient against central differences.
func TestIterNormGradient(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		x := s.Param("x", graph.Normal(1), 7, 4)
		y := heads.IterNorm{Group: 2, Iterations: 5}.New(s.In("norm"), 4)(x)
		return op.SumAll(op.Mul(op.Square(y), s.Input("w", 7, 4)))
	}, nil, 12, 1e-5)
}

// Dimensions that do not come in groups are refused.
func TestIterNormRefuses(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) { heads.IterNorm{Group: 3}.New(s, 4) })
	if want := "4 dimensions in groups of 3"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
