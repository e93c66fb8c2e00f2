package backbones_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// tinySlow is a slow network of few channels.
func tinySlow() *backbones.Slow { return &backbones.Slow{Depth: 26, Stem: "3x3", Width: 0.1} }

// slowTimes are the features of times of a slow network, of pixels by a formula, with the weights that change makes of
// the seed's.
func slowTimes(t *testing.T, b *backbones.Slow, frames int, pixel func(f, i int) float64,
	change func(st *graph.Store)) []float64 {
	t.Helper()
	in := backbones.Input{Shape: []int{frames, 8, 8, 1}}
	st := graph.NewStore(3)
	p := compile(t, ref.Backend{}, st, graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		x := make([]float64, frames*64)
		for i := range x {
			x[i] = pixel(i/64, i%64)
		}
		s.Output("y", b.NewTimes(s, in)(s.Floats("x", x, 1, frames, 8, 8, 1)))
	})
	if change != nil {
		change(st)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(y.Shape, []int{1, frames, b.Dim()}) {
		t.Fatalf("features of times are %v", y.Shape)
	}
	return y.F64
}

// A time has seen as many neighbours as there are convolutions over time, and no more; and frames in another order give
// other features of the clip.
func TestSlowSeesNeighbours(t *testing.T) {
	b := tinySlow()
	const frames = 12 // four blocks with a convolution over time: four frames to either side
	wave := func(f, i int) float64 { return math.Sin(float64(3*f*f + i*(1+f%3))) }
	still := slowTimes(t, b, frames, wave, nil)
	touched := slowTimes(t, b, frames, func(f, i int) float64 {
		if f == 0 {
			return 1
		}
		return wave(f, i)
	}, nil)
	for f := range frames {
		same := slices.Equal(still[f*b.Dim():(f+1)*b.Dim()], touched[f*b.Dim():(f+1)*b.Dim()])
		if same != (f > 4) {
			t.Errorf("time %d is as before when frame 0 changes: %v", f, same)
		}
	}
}

// A ResNet's weights, inflated, give a clip that stands still the features of its frame, away from the clip's ends.
func TestSlowInflated(t *testing.T) {
	b, image := tinySlow(), &backbones.ResNet{Depth: 50, Stem: "3x3", Width: 0.1, Inner: 1}
	from := graph.NewStore(5)
	picture := func(i int) float64 { return math.Sin(float64(5 * i)) }
	p := compile(t, ref.Backend{}, from, graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		x := make([]float64, 64)
		for i := range x {
			x[i] = picture(i)
		}
		maps := image.NewMaps(s, backbones.Pixels(8, 8, 1))(s.Floats("x", x, 1, 8, 8, 1))
		s.Output("y", op.GlobalAvgPool(maps[len(maps)-1]))
	})
	entries := map[string]ir.Array{}
	for _, name := range from.Names() {
		entries[name] = from.Get(name).Array
	}
	in := backbones.Input{Shape: []int{9, 8, 8, 1}}
	for _, how := range []backbones.Inflation{backbones.InflateMean, backbones.InflateCentral} {
		inflated, err := (&backbones.Slow{Depth: 50, Stem: "3x3", Width: 0.1}).Inflate(how, entries, in)
		if err != nil {
			t.Fatal(err)
		}
		const frames = 21 // ten to either side of the middle: nine convolutions over time
		whole := &backbones.Slow{Depth: 50, Stem: "3x3", Width: 0.1}
		y := slowTimes(t, whole, frames, func(_, i int) float64 { return picture(i) }, func(st *graph.Store) {
			for _, name := range st.Names() {
				if a, ok := inflated[name]; ok {
					st.Get(name).Copy(a)
				} else if name != "x" {
					t.Errorf("%s is not inflated", name)
				}
			}
		})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		want, err := p.Output("y")
		if err != nil {
			t.Fatal(err)
		}
		middle := y[frames/2*b.Dim():]
		for i, v := range want.F64 {
			if math.Abs(middle[i]-v) > 1e-9*(1+math.Abs(v)) {
				t.Fatalf("%s: feature %d in the middle is %v, the image's is %v", how, i, middle[i], v)
			}
		}
	}
	if _, err := b.Inflate(backbones.InflateMean, map[string]ir.Array{}, in); err == nil ||
		!strings.Contains(err.Error(), "no bottlenecks to inflate") {
		t.Errorf("no ResNet: %v", err)
	}
}

// What is no clip, and other depths, are refused.
func TestSlowRefuses(t *testing.T) {
	for want, err := range map[string]error{
		"a slow encodes clips": tinySlow().Check(backbones.Pixels(8, 8, 1)),
		"depth: 18": (&backbones.Slow{Depth: 18, Stem: "3x3", Width: 1}).Check(backbones.Input{
			Shape: []int{2, 8, 8, 1}}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
