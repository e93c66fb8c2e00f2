package layer_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
)

// Known colours of L*a*b* (white, black, mid grey, and the primaries as CIE's tables for D65 have them), the graph's
// form against the plain one over a grid of sRGB, and the way back.
func TestLab(t *testing.T) {
	for _, c := range []struct{ rgb, lab [3]float64 }{
		{[3]float64{1, 1, 1}, [3]float64{100, 0, 0}}, {[3]float64{0, 0, 0}, [3]float64{0, 0, 0}},
		{[3]float64{1, 0, 0}, [3]float64{53.24, 80.09, 67.20}}, {[3]float64{0, 1, 0}, [3]float64{87.73, -86.18, 83.18}},
		{[3]float64{0, 0, 1}, [3]float64{32.30, 79.19, -107.86}},
		{[3]float64{0.5, 0.5, 0.5}, [3]float64{53.39, 0, 0}},
	} {
		got := layer.LabOf(c.rgb)
		for i := range got {
			if math.Abs(got[i]-c.lab[i]) > 0.02 {
				t.Errorf("%v is %.2f, want %v", c.rgb, got, c.lab)
				break
			}
		}
	}
	var rgb, lab []float64
	const steps = 6
	for i := range steps * steps * steps {
		c := [3]float64{float64(i % steps), float64(i / steps % steps), float64(i / steps / steps)}
		for k := range c {
			c[k] = math.Pow(c[k]/(steps-1), 2) // dark colours too
		}
		l := layer.LabOf(c)
		rgb, lab = append(rgb, c[:]...), append(lab, l[:]...)
	}
	for _, b := range []struct {
		dtype     ir.DType
		backend   ir.Backend
		tolerance float64
	}{{ir.F64, ref.Backend{}, 1e-6}, {ir.F32, cpu.Backend{}, 1e-4}} {
		g, err := graph.Build(graph.Options{DType: b.dtype}, func(s *graph.Scope) {
			s.Output("lab", layer.Lab(s, s.Floats("rgb", rgb, 1, len(rgb)/3, 3)))
			s.Output("rgb", layer.FromLab(s, s.Floats("lab", lab, 1, len(rgb)/3, 3)))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(b.backend, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]float64{"lab": lab, "rgb": rgb} {
			scale := map[string]float64{"lab": 100, "rgb": 1}[name]
			for i, v := range ongraph.Read(t, p, name) {
				if !(math.Abs(v-want[i]) <= b.tolerance*scale) {
					t.Fatalf("%v: %s: number %d of %v is %v, want %v", b.dtype, name, i%3, rgb[i/3*3:i/3*3+3], v,
						want[i])
				}
			}
		}
	}
}
