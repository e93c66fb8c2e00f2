package backbones_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/internal/golden/ongraph"
)

// encoded runs the parts of an encoder of windows of 100 stereo samples.
func encoded(t *testing.T, x []float64) (z, c, y []float64) {
	t.Helper()
	net := &backbones.Wave{Width: 6, Kernels: []int{7, 4}, Strides: []int{5, 2}, Norm: "channel", Context: 3}
	in := backbones.Input{Shape: []int{100, 2}}
	if err := net.Check(in); err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		e, from := net.NewSteps(s, in), s.Floats("x", x, 1, 100, 2)
		if e.Hop != 10 || e.Width != 6 || e.Dim != net.Dim() {
			t.Errorf("steps of %d channels every %d samples, contexts of %d; want 6, 10, 3", e.Width, e.Hop, e.Dim)
		}
		z := e.Encode(from)
		s.Output("z", z)
		s.Output("c", e.Context(z))
		s.Output("y", net.New(s, in)(from))
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
	return ongraph.Read(t, p, "z"), ongraph.Read(t, p, "c"), ongraph.Read(t, p, "y")
}

// A window of 100 samples is 10 steps, one every 10 samples. A sample changes the steps around it alone, and the
// contexts from there on; the features are the mean of the contexts.
func TestWaveSteps(t *testing.T) {
	x := make([]float64, 200)
	for i := range x {
		x[i] = math.Sin(float64(i * i))
	}
	z, c, y := encoded(t, x)
	if len(z) != 10*6 || len(c) != 10*3 {
		t.Fatalf("%d numbers of steps and %d of contexts, want 60 and 30", len(z), len(c))
	}
	other := slices.Clone(x)
	other[2*50] += 1
	z2, c2, _ := encoded(t, other)
	for s := range 10 {
		// step s sees samples 10 s - 6 to 10 s + 15: kernels of 7 and 4 with strides of 5, 2 and paddings of 1, 1
		sees := 50 >= 10*s-6 && 50 <= 10*s+15
		if same := slices.Equal(z[s*6:s*6+6], z2[s*6:s*6+6]); same == sees {
			t.Errorf("step %d is the same: %v, and sees sample 50: %v", s, same, sees)
		}
		if same := slices.Equal(c[s*3:s*3+3], c2[s*3:s*3+3]); same != (s < 4) {
			t.Errorf("context %d is the same: %v; want that of those before step 4", s, same)
		}
	}
	for k, v := range y {
		mean := 0.0
		for s := range 10 {
			mean += c[s*3+k] / 10
		}
		if math.Abs(v-mean) > 1e-6 {
			t.Errorf("feature %d is %v, want the mean context %v", k, v, mean)
		}
	}
}

func TestWaveRefuses(t *testing.T) {
	ok := backbones.Wave{Width: 4, Kernels: []int{10, 8}, Strides: []int{5, 4}, Norm: "none", Context: 4}
	waves := backbones.Input{Shape: []int{200, 1}}
	for want, c := range map[string]struct {
		in     backbones.Input
		change func(*backbones.Wave)
	}{
		"a wave encodes waves [samples, channels], and the samples of this recipe are images": {
			backbones.Pixels(8, 8, 1), func(*backbones.Wave) {}},
		"width: 0: want":                      {waves, func(w *backbones.Wave) { w.Width = 0 }},
		"context: 0: want":                    {waves, func(w *backbones.Wave) { w.Context = 0 }},
		"kernels: []: want at least one":      {waves, func(w *backbones.Wave) { w.Kernels = nil }},
		"strides: [5]: want 2 numbers":        {waves, func(w *backbones.Wave) { w.Strides = []int{5} }},
		"strides: [5 0]: want numbers of":     {waves, func(w *backbones.Wave) { w.Strides = []int{5, 0} }},
		"kernels: [10 3]: want numbers of at": {waves, func(w *backbones.Wave) { w.Kernels = []int{10, 3} }},
		"kernels: [10 80]: convolution 1 sees": {waves, func(w *backbones.Wave) {
			w.Kernels[1], w.Strides[1] = 80, 79
		}},
		`norm: "batch": want "channel" or "no`: {waves, func(w *backbones.Wave) { w.Norm = "batch" }},
	} {
		w := ok
		w.Kernels, w.Strides = slices.Clone(ok.Kernels), slices.Clone(ok.Strides)
		c.change(&w)
		if err := w.Check(c.in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", w, err, want)
		}
	}
	if err := backbones.DefaultWave().Check(backbones.Input{Shape: []int{20480, 1}}); err != nil {
		t.Error(err)
	}
}
