package backbones_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden/ongraph"
)

func smallUNet() *backbones.UNet { return &backbones.UNet{Widths: []int{4, 8}, Blocks: 1, Groups: 2} }

// The gradient through every level and both conditions in float64, from weights of which none is 0.
func TestUNetGradients(t *testing.T) {
	loud := func(st *graph.Store) {
		for _, name := range st.Names() {
			r := graph.Rand(3, name)
			if e := st.Get(name); e.Kind == graph.Param {
				for i := range e.Shape.Size() {
					e.Set(i, e.At(i)+r.NormFloat64()*0.2)
				}
			}
		}
	}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		f := smallUNet().New(s.In("net"), 2, 3)
		x := s.Param("x", graph.Normal(1), 2, 4, 4, 2)
		y := f(x, s.Floats("step", []float64{3, 17}, 2), s.Param("what", graph.Normal(1), 2, 3))
		return op.SumAll(op.Mul(y, op.Sin(op.Affine(y, 2, 1))))
	}, loud, 4, 5e-5)
}

// Images of any size that can be halved come out as large; both conditions change what is said.
func TestUNetReadsConditions(t *testing.T) {
	st := graph.NewStore(1)
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		f := smallUNet().New(s, 1, 3)
		x := s.State("x", graph.Normal(1), 1, 6, 8, 1)
		say := func(step, what float64) *graph.Node {
			v := s.Floats(fmt.Sprint("what", what), []float64{1, what, -1}, 1, 3)
			return f(x, s.Floats(fmt.Sprint("step", step), []float64{step}, 1), v)
		}
		s.Output("a", say(0, 0))
		s.Output("later", say(40, 0))
		s.Output("other", say(0, 2))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range st.Names() {
		if e := st.Get(name); e.Kind == graph.Param && e.DType == ir.F32 {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range e.F32 {
				e.F32[i] += float32(r.NormFloat64() * 0.2)
			}
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	a := ongraph.Read(t, p, "a")
	if len(a) != 48 || slices.Equal(a, ongraph.Read(t, p, "later")) || slices.Equal(a, ongraph.Read(t, p, "other")) {
		t.Errorf("%d numbers; want 48 that depend on the step and on the vector", len(a))
	}
}

func TestUNetErrors(t *testing.T) {
	for want, c := range map[string]struct {
		change func(u *backbones.UNet)
		h      int
	}{
		"images of 7x8 pixels cannot be halved 1 times": {func(*backbones.UNet) {}, 7},
		"want multiples of groups = 3":                  {func(u *backbones.UNet) { u.Groups = 3 }, 8},
		"blocks: 0":                                     {func(u *backbones.UNet) { u.Blocks = 0 }, 8},
		"widths: []":                                    {func(u *backbones.UNet) { u.Widths = nil }, 8},
	} {
		u := smallUNet()
		c.change(u)
		if err := u.Check(c.h, 8); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
