package backbones_test

import (
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

func projected(widths ...int) *backbones.Projected {
	p := &backbones.Projected{Widths: widths}
	p.Tower = overlay.Choice[backbones.Backbone]{Name: "convnet", Value: &backbones.ConvNet{Widths: []int{4, 5}}}
	return p
}

// Features are those of the tower behind a projector, and their gradients are right.
func TestProjected(t *testing.T) {
	p, in := projected(6, 3), backbones.Pixels(8, 8, 1)
	if err := p.Check(in); err != nil || p.Dim() != 3 {
		t.Fatalf("%d features, %v; want 3", p.Dim(), err)
	}
	program := compile(t, cpu.Backend{}, graph.NewStore(1), graph.Options{Training: true}, func(s *graph.Scope) {
		x := s.Random("x").Normal(5, 64)
		x = op.Reshape(x, 5, 8, 8, 1)
		s.Output("features", p.New(s, in)(x))
		s.Output("want", heads.MLP(s.In("projector"), 5, 6, 3)(p.Tower.Value.New(s, in)(x))) // the same parameters
	})
	if err := program.Run(); err != nil {
		t.Fatal(err)
	}
	got, want := output(t, program, "features"), output(t, program, "want")
	if !slices.Equal(got, want) || slices.Max(got) == slices.Min(got) {
		t.Errorf("features are %v, want %v", got, want)
	}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		y := p.New(s, in)(s.Input("x", 5, 8, 8, 1))
		return op.SumAll(op.Mul(y, s.Input("w", 5, 3)))
	}, nil, 8, 1e-5)
}

func output(t *testing.T, p *graph.Program, name string) []float32 {
	t.Helper()
	a, err := p.Output(name)
	if err != nil {
		t.Fatal(err)
	}
	return a.F32
}

// Widths and a tower that do not fit are refused.
func TestProjectedRefused(t *testing.T) {
	for want, err := range map[string]error{
		"want at least one width":             projected().Check(backbones.Pixels(8, 8, 1)),
		"every width must be at least 1":      projected(4, 0).Check(backbones.Pixels(8, 8, 1)),
		"smaller than the network's stride":   projected(4).Check(backbones.Pixels(2, 2, 1)),
		"a convnet encodes images [height, w": projected(4).Check(backbones.Rows(0, 0)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
