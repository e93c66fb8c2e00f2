package contrastive

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// simclrStep is the loss of random images at a step of ten, and the features of the first view. change may change the
// images.
func simclrStep(t *testing.T, m *SimCLR, step int, change func(in map[string]ir.Array)) (loss float64,
	features []float32) {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
		o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		s.Output("loss", o.Loss())
		s.Output("features", o.Features)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	change(p.Inputs())
	p.Schedule(graph.Time{Step: step, Steps: 10})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	l, err := p.Output("loss")
	if err != nil {
		t.Fatal(err)
	}
	f, err := p.Output("features")
	if err != nil {
		t.Fatal(err)
	}
	return l.At(0), slices.Clone(f.F32)
}

func unchanged(map[string]ir.Array) {}

// The temperature goes from the first to the last along half a cosine.
func TestFinalTemperature(t *testing.T) {
	at := func(tau float64) float64 {
		loss, _ := simclrStep(t, &SimCLR{Projector: []int{5}, Temperature: tau}, 0, unchanged)
		return loss
	}
	m := &SimCLR{Projector: []int{5}, Temperature: 0.2, Comparing: Comparing{FinalTemperature: 0.6}}
	for step, tau := range map[int]float64{0: 0.2, 5: 0.4, 10: 0.6} {
		if got, _ := simclrStep(t, m, step, unchanged); math.Abs(got-at(tau)) > 1e-5 {
			t.Errorf("after %d of 10 steps the loss is %v, want %v, that of temperature %v", step, got, at(tau), tau)
		}
	}
	if math.Abs(at(0.2)-at(0.4)) < 1e-3 {
		t.Error("the temperature does not change the loss")
	}
	m.FinalTemperature = -1
	if m.Validate() == nil {
		t.Error("a temperature of -1 is not refused")
	}
}

// The gradient with a changing temperature against central differences.
func TestFinalTemperatureGradient(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		z := op.Concat(0, s.Param("a", graph.Normal(1), 4, 3), s.Param("b", graph.Normal(1), 4, 3))
		return Comparing{FinalTemperature: 0.6}.loss(s, z, nil, 0.4)
	}, nil, 12, 2e-5)
}

// Where each view is a batch of its own, the features of one do not depend on the other; in one batch they do, by its
// statistics.
func TestApart(t *testing.T) {
	brighter := func(in map[string]ir.Array) {
		for i := range in["view1"].F32 {
			in["view1"].F32[i] += 3 * float32(i%5)
		}
	}
	for _, apart := range []bool{false, true} {
		m := &SimCLR{Projector: []int{6, 5}, Temperature: 0.2, Comparing: Comparing{Apart: apart}}
		_, a := simclrStep(t, m, 0, unchanged)
		_, b := simclrStep(t, m, 0, brighter)
		if slices.Equal(a, b) != apart {
			t.Errorf("apart = %v: the first view's features are the same (%v) with another second view", apart, !apart)
		}
	}
	m := &SimCLR{Projector: []int{6, 5}, Temperature: 0.2, Comparing: Comparing{Apart: true}}
	methodtest.Swapped(t, m, methodtest.Images(8, 8, 1))
}

// A teacher's projector has the student's embeddings before the first step, and so the loss is the same; its gradient
// is not, for the keys have none. The teacher has no backbone.
func TestProjectorMomentum(t *testing.T) {
	plain := &SimCLR{Projector: []int{6, 5}, Temperature: 0.2}
	taught := &SimCLR{Projector: []int{6, 5}, Temperature: 0.2, Comparing: Comparing{ProjectorMomentum: 0.9}}
	want, _ := simclrStep(t, plain, 0, unchanged)
	got, _ := simclrStep(t, taught, 0, unchanged)
	if math.Abs(got-want) > 1e-5 {
		t.Errorf("the loss is %v with a teacher and %v without", got, want)
	}
	methodtest.Swapped(t, taught, methodtest.Images(8, 8, 1))
	methodtest.Reordered(t, taught, methodtest.TwoSizes([]int{8, 8, 1}, []int{6, 6, 1}, 1))
	length := func(m *SimCLR) (sum float64) {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
			loss := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b).Loss()
			s.Output("norm", op.SumSquares(s.Gradients(loss, s.In("projector").Params()[:1])[0]))
			s.UpdateTwins()
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range g.States() {
			if strings.HasPrefix(l.Name, "teacher/backbone") {
				t.Errorf("the teacher has %s", l.Name)
			}
		}
		p, err := g.Compile(device.Host(), graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range p.Inputs() {
			optest.Fill(a, name)
		}
		p.Schedule(graph.Time{Steps: 10})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		v, err := p.Output("norm")
		if err != nil {
			t.Fatal(err)
		}
		return v.At(0)
	}
	if a, b := length(plain), length(taught); math.Abs(a-b) < 1e-3*a {
		t.Errorf("the gradient's square is %v with a teacher and without", a)
	}
	for want, c := range map[string]struct {
		Comparing
		projector []int
	}{
		"projector_momentum: 1.5": {Comparing{ProjectorMomentum: 1.5}, []int{4}},
		"there is no projector":   {Comparing{ProjectorMomentum: 0.9}, nil},
	} {
		if err := c.check(c.projector); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
