package correlation

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// The mean canonical correlation is 1 for embeddings that are linear maps of each other, the cosine for two centred
// vectors, and does not see invertible maps of either part.
func TestDCCACorrelation(t *testing.T) {
	const n, d = 12, 2
	m := &DCCA{}
	x, y := normal("x", n, d), normal("y", n, d)
	mapped := func(x []float64) []float64 {
		z := make([]float64, len(x))
		for i := 0; i < len(x); i += d {
			z[i], z[i+1] = 3*x[i]-x[i+1]+5, x[i]+0.5*x[i+1]
		}
		return z
	}
	correlation := func(x, y []float64, d int) float64 {
		return value(t, func(s *graph.Scope) *graph.Node {
			return m.Correlation(s, s.Floats("x", x, n, d), s.Floats("y", y, n, d))
		})[0]
	}
	if got := correlation(x, mapped(x), d); math.Abs(got-1) > 1e-4 {
		t.Errorf("of a linear map: %v, want 1", got)
	}
	between := correlation(x, y, d)
	if got := correlation(mapped(x), y, d); math.Abs(got-between) > 1e-4 {
		t.Errorf("after a map of one part: %v, want %v", got, between)
	}
	var xy, xx, yy, mx, my float64
	a, b := normal("a", n, 1), normal("b", n, 1)
	for i := range n {
		mx, my = mx+a[i]/n, my+b[i]/n
	}
	for i := range n {
		u, v := a[i]-mx, b[i]-my
		xy, xx, yy = xy+u*v, xx+u*u, yy+v*v
	}
	if got, want := correlation(a, b, 1), math.Abs(xy)/math.Sqrt(xx*yy); math.Abs(got-want) > 1e-5 {
		t.Errorf("of single dimensions: %v, want %v", got, want)
	}
}

// The losses through two small encoders against central differences; both encoders have parameters of their own.
func TestDCCAGradients(t *testing.T) {
	for name, m := range map[string]methods.Method{
		"dcca":        &DCCA{Parts: "halves", Projector: []int{5, 2}, Ridge: 0.1},
		"dcca, views": &DCCA{Parts: "views", Projector: []int{2}, Ridge: 0.1},
		"dccae": &DCCAE{Parts: "halves", Projector: []int{5, 2}, Ridge: 0.1, Reconstruction: 2,
			Decoder: []int{4}},
		"dccae, plain": &DCCAE{Parts: "views", Projector: []int{2}, Ridge: 0.1, Reconstruction: 2},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 7, methodtest.Images(6, 5, 2))
				loss := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
				first, second := len(s.In("backbone").Params()), len(s.In("second/backbone").Params())
				if first == 0 || first != second {
					t.Errorf("the encoders have %d and %d parameters, want as many of their own", first, second)
				}
				return loss
			}, nil, 8, 2e-5)
			methodtest.Reordered(t, m, methodtest.Images(8, 8, 1))
		})
	}
}

// The second encoder may read captions: both get gradients, and the first is the image's.
func TestDCCACaptions(t *testing.T) {
	m := &DCCA{Parts: "caption", Projector: []int{2}, Ridge: 0.1}
	m.Text = overlay.Choice[backbones.Backbone]{Name: "symbols", Value: &backbones.Symbols{Width: 3}}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	caption := feed.Field{Name: "caption", Shape: []int{4}, Int: true, Of: []int{6}}
	data := methodtest.Data(feed.Field{Name: "view0", Shape: []int{6, 5, 2}}, caption)
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 7, data)
		return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
	}, nil, 8, 2e-5)
	methodtest.Reordered(t, m, data)
}

// Halves are the left and the right one, without the middle column of an odd width.
func TestDCCAHalves(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		x := (&DCCA{Parts: "halves"}).parts(methods.NewBatch(s, 3, methodtest.Images(6, 5, 2)))
		for i, half := range x {
			if want := []int{3, 6, 2, 2}; !op.ShapeOf(half).Equal(want) {
				t.Errorf("half %d is %v, want %v", i, op.ShapeOf(half), want)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What cannot be is refused with a setting that works.
func TestDCCARefused(t *testing.T) {
	for want, m := range map[string]methods.Method{
		`parts: "thirds": want halves, views or caption`: &DCCA{Parts: "thirds", Projector: []int{4}},
		"wants an encoder, such as [me":                  &DCCA{Parts: "caption", Projector: []int{4}},
		"decoders paint images":                          &DCCAE{Parts: "caption", Projector: []int{4}},
		"convnet is read with parts": &DCCA{Parts: "views", Projector: []int{4},
			Text: overlay.Choice[backbones.Backbone]{Name: "convnet", Value: backbones.DefaultConvNet()}},
		"ridge: -1: want a weight of 0 or more": &DCCAE{Parts: "views", Projector: []int{4}, Ridge: -1},
		"reconstruction: -1: want a weight of 0 or more": &DCCAE{Parts: "views", Projector: []int{4},
			Reconstruction: -1},
		"decoder: [0]: every width must be at least 1": &DCCAE{Parts: "views", Projector: []int{4},
			Decoder: []int{0}},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, c := range map[string]struct {
		m    *DCCA
		data methods.Data
	}{
		"want a batch of at least 8, or a last width of 2": {&DCCA{Parts: "views", Projector: []int{4}},
			methodtest.Images(6, 6, 1)},
		"have no left and right half": {&DCCA{Parts: "halves", Projector: []int{2}}, methodtest.Images(6, 1, 1)},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, c.data)
			c.m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultDCCA(), DefaultDCCAE()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
