package correlation

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

func onVICReg() *OracleViews {
	m := DefaultOracleViews()
	m.Base = overlay.Choice[methods.Method]{Name: "vicreg", Value: &VICReg{Projector: []int{6, 5}, Invariance: 1,
		Variance: 1}}
	m.Candidates = 3
	return m
}

// asking is a method that asks a batch for something.
type asking struct{ ask func(b *methods.Batch) }

func (m *asking) Validate() error { return nil }

func (m *asking) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	m.ask(b)
	return methods.Objective{Features: enc.New(s)(b.View(0))}
}

// few is a method that learns from few labels.
type few struct{ asking }

func (m *few) LearnsFromFewLabels() {}

// The view that is chosen is the first whose largest logit is the label's; the last where none is, and where a sample
// has no label.
func TestChoose(t *testing.T) {
	const n, classes, k = 5, 3, 3
	logits := [][]float64{ // by candidate: sample by sample
		{9, 0, 0, 0, 1, 0, 5, 0, 0, 0, 0, 4, 1, 2, 3},
		{1, 0, 0, 0, 9, 0, 0, 5, 0, 9, 0, 0, 1, 2, 3},
		{1, 0, 0, 0, 9, 0, 0, 0, 5, 9, 0, 0, 1, 2, 3},
	}
	labels, want := []int32{0, 1, 2, 1, -1}, []float64{0, 0, 2, 2, 2}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		var x, y []*graph.Node
		for c := range k {
			flat := make([]float64, n*2)
			for i := range flat {
				flat[i] = float64(c)
			}
			x = append(x, s.Floats("x"+string(rune('a'+c)), flat, n, 2, 1))
			y = append(y, s.Floats("y"+string(rune('a'+c)), logits[c], n, classes))
		}
		s.Output("chosen", choose(s, x, y, s.Ints("labels", labels)))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got, err := p.Output("chosen")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * n {
		if got.At(i) != want[i/2] {
			t.Errorf("sample %d is candidate %v, want %v", i/2, got.At(i), want[i/2])
		}
	}
}

// The oracle's cross-entropy moves the oracle alone, the other terms all but the oracle, which does not change the
// views that it leaves; the order of the samples changes nothing.
func TestOracleViews(t *testing.T) {
	methodtest.Reordered(t, onVICReg(), methodtest.Images(8, 8, 1))
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
		o := onVICReg().Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		if want := []string{"view0", "view1", "labels", "view2", "view4", "view3", "view5"}; !slices.Equal(b.Wants(),
			want) {
			t.Errorf("the method asks for %v, want %v", b.Wants(), want)
		}
		for _, term := range o.Terms {
			for i, d := range s.Gradients(term.Value, s.Params()) {
				name := s.Name(s.Params()[i])
				if d != nil && strings.HasPrefix(name, "oracle/") != (term.Name == "oracle") {
					t.Errorf("the gradient of %s reaches %s", term.Name, name)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for want, m := range map[string]*OracleViews{
		"candidates: 1: want at least 2": {Base: onVICReg().Base, Candidates: 1},
		"base: oracle_views: want a method that learns from two views": {Candidates: 2,
			Base: overlay.Choice[methods.Method]{Name: "oracle_views", Value: onVICReg()}},
		"base: few: want a method": {Candidates: 2,
			Base: overlay.Choice[methods.Method]{Name: "few", Value: &few{}}},
		"base: supervised: want a method": {Candidates: 2,
			Base: overlay.Choice[methods.Method]{Name: "supervised", Value: methods.DefaultSupervised()}},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := DefaultOracleViews().Validate(); err != nil {
		t.Error(err)
	}
	for want, m := range map[string]methods.Method{
		"view2: it is a candidate for one of the two views": &asking{func(b *methods.Batch) { b.Views(3) }},
		"params1: the oracle chose among candidates":        &asking{func(b *methods.Batch) { b.Params(1) }},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b, on := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1)), onVICReg()
			on.Base = overlay.Choice[methods.Method]{Name: "asking", Value: m}
			on.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err = graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.TwoSizes([]int{8, 8, 1}, []int{6, 6, 1}, 1))
		onVICReg().Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	if err == nil || !strings.Contains(err.Error(), "want no views.crops") {
		t.Errorf("crops of two sizes: got %v", err)
	}
}

// Where the oracle recognises every first candidate, the base's loss is the one that it has without an oracle.
func TestOracleOfOneMind(t *testing.T) {
	run := func(build func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *graph.Node) float64 {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
			s.Output("loss", build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b))
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		p, err := g.Compile(device.Host(), st)
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range p.Inputs() {
			optest.Fill(a, name)
			if name == "labels" {
				clear(a.I32)
			}
		}
		if e := st.Get("oracle/classifier/bias"); e != nil {
			e.F32[0] = 1e4 // class 0, whatever the features
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		v, err := p.Output("loss")
		if err != nil {
			t.Fatal(err)
		}
		return v.At(0)
	}
	base := onVICReg().Base.Value
	want := run(func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *graph.Node {
		return base.Build(s, enc, b).Loss()
	})
	got := run(func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *graph.Node {
		o := onVICReg().Build(s, enc, b)
		o.Terms = o.Terms[:len(o.Terms)-1]
		return o.Loss()
	})
	if math.Abs(got-want) > 1e-6*math.Abs(want) {
		t.Errorf("the loss is %v, without an oracle %v", got, want)
	}
}
