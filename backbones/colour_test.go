package backbones_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/internal/golden/ongraph"
	"selfsup/recipes/overlay"
)

// bounded is images of three channels whose black and white are known.
func bounded(h, w int, low, high float32) backbones.Input {
	in := backbones.Pixels(h, w, 3)
	in.Low, in.High = []float32{low, low, low}, []float32{high, high, high}
	return in
}

func choice(name string, b backbones.Backbone) overlay.Choice[backbones.Backbone] {
	return overlay.Choice[backbones.Backbone]{Name: name, Value: b}
}

// In Lab the network of colour cannot tell greys apart and sees L change nothing; that of luminance sees what the
// backbone of luminance alone sees. Features are those of the last maps.
func TestLabHalves(t *testing.T) {
	tower := choice("convnet", &backbones.ConvNet{Widths: []int{4, 5}})
	both, luma := &backbones.LumaChroma{Tower: tower, Space: "lab"}, &backbones.Luma{Tower: tower, Space: "lab"}
	greys, colours := make([]float64, 2*4*4*3), make([]float64, 2*4*4*3)
	for i := range greys {
		greys[i] = 0.2 + 0.6*float64(i/48) // the second image is lighter
		colours[i] = math.Mod(float64(i)*0.37, 1)
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		see := func(name string, pixels []float64, low, high float64) {
			x := op.Affine(s.Floats(name, pixels, 2, 4, 4, 3), high-low, low)
			in := bounded(4, 4, float32(low), float32(high))
			at := s.In("both")
			a, b := both.NewHalves(at, in)(x)
			am, bm := both.NewHalfMaps(at, in)(x)
			s.Output(name+" luma", a)
			s.Output(name+" chroma", b)
			s.Output(name+" luma maps", op.GlobalAvgPool(am[len(am)-1]))
			s.Output(name+" chroma maps", op.GlobalAvgPool(bm[len(bm)-1]))
			s.Output(name+" alone", luma.New(s.In("both/luma"), in)(x))
		}
		see("greys", greys, -1, 1)
		see("colours", colours, -1, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	same := func(a, b []float64) bool {
		equal := true
		for i := range a {
			equal = equal && math.Abs(a[i]-b[i]) < 1e-4
		}
		return equal
	}
	read := func(name string) []float64 { return ongraph.Read(t, p, name) }
	for _, name := range []string{"greys", "colours"} {
		for _, half := range []string{" luma", " chroma"} {
			if !same(read(name+half), read(name+half+" maps")) {
				t.Errorf("%s%s: features %v, means of the last map %v", name, half, read(name+half),
					read(name+half+" maps"))
			}
		}
		if !same(read(name+" luma"), read(name+" alone")) {
			t.Errorf("%s: the half of luminance gives %v, luma %v", name, read(name+" luma"), read(name+" alone"))
		}
	}
	if v := read("greys chroma"); !same(v[:5], v[5:]) {
		t.Errorf("the network of colour tells greys apart: %v", v)
	}
	if v := read("greys luma"); same(v[:5], v[5:]) {
		t.Errorf("the network of luminance does not tell greys apart: %v", v)
	}
	if v := read("colours chroma"); same(v[:5], v[5:]) {
		t.Errorf("the network of colour does not tell colours apart: %v", v)
	}
}

// Images and spaces that do not fit are told with what would.
func TestColourRefuses(t *testing.T) {
	convnet := choice("convnet", &backbones.ConvNet{Widths: []int{4}})
	for _, c := range []struct {
		b    backbones.Backbone
		in   backbones.Input
		want string
	}{
		{backbones.DefaultLuma(), backbones.Pixels(32, 32, 1), "images of 32x32x1 have 1 channel; want 3"},
		{backbones.DefaultLuma(), backbones.Pixels(32, 32, 3), `nobody knows these bounds of 32x32x3; want "ydbdr"`},
		{&backbones.Luma{Tower: convnet, Space: "hsv"}, bounded(8, 8, 0, 1), `"hsv": want "ydbdr" or "lab"`},
		{&backbones.LumaChroma{Tower: convnet, Space: "lab"}, backbones.Pixels(8, 8, 3), "nobody knows these bounds"},
		{backbones.DefaultLumaChroma(), bounded(4, 4, 0, 1), "smaller than the network's stride"},
	} {
		if err := c.b.Check(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T of %v: got %v, want %q", c.b, c.in, err, c.want)
		}
	}
	mlp := &backbones.Luma{Tower: choice("mlp", backbones.DefaultMLP()), Space: "lab"}
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) { mlp.NewMaps(s, bounded(8, 8, 0, 1)) })
	if want := `tower = "mlp" has no feature maps`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
