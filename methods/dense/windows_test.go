package dense

import (
	"math"
	"slices"
	"testing"

	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
)

// run compiles a graph, fills its inputs and returns its outputs.
func run(t *testing.T, in map[string][]float64, outputs []string, declare func(s *graph.Scope)) map[string][]float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{}, declare)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range in {
		a, err := p.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range v {
			a.Set(i, x)
		}
	}
	p.Schedule(graph.Time{Steps: 1, PerEpoch: 1})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, name := range outputs {
		got[name] = ongraph.Read(t, p, name)
	}
	return got
}

// drawn are the parameters of three views of each of two windows, some of them mirrored.
func drawn() (a, b []float64) {
	row := func(top, left, height, width, flip, upside float64) []float64 {
		v, names := make([]float64, len(views.ParamNames())), views.ParamNames()
		for name, x := range map[string]float64{"crop_top": top, "crop_left": left, "crop_height": height,
			"crop_width": width, "flip": flip, "vertical_flip": upside} {
			v[slices.Index(names, name)] = x
		}
		return v
	}
	a = slices.Concat(row(0.1, 0.2, 0.5, 0.4, 0, 0), row(0, 0.3, 0.6, 0.7, 1, 0), row(0.6, 0.6, 0.4, 0.4, 1, 1))
	b = slices.Concat(row(0.3, 0.1, 0.4, 0.3, 1, 0), row(0.2, 0, 0.8, 0.5, 0, 1), row(0, 0, 0.5, 0.5, 0, 0))
	return a, b
}

// Cells of a view lie where views.Point says that they come from, and the box of what two views share is the same part
// of the image in both.
func TestWindows(t *testing.T) {
	const n, h, w = 3, 4, 3
	p, q := drawn()
	columns := len(views.ParamNames())
	got := run(t, map[string][]float64{"params0": p, "params1": q}, []string{"cells", "first", "second", "there"},
		func(s *graph.Scope) {
			b := methods.NewBatch(s, n, windowed(0))
			first, second := windowOf(b, 0), windowOf(b, 1)
			s.Output("cells", first.cells(s, h, w))
			box, there := first.shared(second)
			s.Output("first", box)
			s.Output("there", there)
			box, _ = second.shared(first)
			s.Output("second", box)
		})
	at := func(all []float64, i int) (one []float32) {
		for _, v := range all[i*columns : (i+1)*columns] {
			one = append(one, float32(v))
		}
		return one
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-5 }
	for i := range n {
		for k := range h * w {
			y, x := views.Point(at(p, i), 12, 12, (float64(k/w)+0.5)/h, (float64(k%w)+0.5)/w)
			if cell := got["cells"][(i*h*w+k)*2:][:2]; !near(cell[0], y) || !near(cell[1], x) {
				t.Errorf("view %d, cell %d: %v, want (%v, %v)", i, k, cell, y, x)
			}
		}
		shares := i < 2 // the third two lie apart
		if there := got["there"][i] == 1; there != shares {
			t.Errorf("view %d: shares something: %v, want %v", i, there, shares)
		}
		if !shares {
			continue
		}
		var part [2][4]float64 // of the image: top, left, bottom, right
		for v, all := range [][]float64{p, q} {
			box := got[[]string{"first", "second"}[v]][i*4:][:4]
			if box[0] < -1e-6 || box[1] < -1e-6 || box[2] > 1+1e-6 || box[3] > 1+1e-6 || box[0] >= box[2] ||
				box[1] >= box[3] {
				t.Errorf("view %d: box %v does not lie in the view", i, box)
			}
			y0, x0 := views.Point(at(all, i), 12, 12, box[1], box[0])
			y1, x1 := views.Point(at(all, i), 12, 12, box[3], box[2])
			part[v] = [4]float64{min(y0, y1), min(x0, x1), max(y0, y1), max(x0, x1)}
		}
		for k := range 4 {
			if !near(part[0][k], part[1][k]) {
				t.Errorf("view %d: the boxes are %v and %v of the image", i, part[0], part[1])
			}
		}
	}
}

// A view of one window and itself match place by place; of all pairs the nearest ones are chosen, each with its
// nearest.
func TestMatches(t *testing.T) {
	const n, side = 3, 3
	p, _ := drawn()
	for _, order := range []string{byPlace, byDistance} {
		m := &VICRegL{Order: order}
		got := run(t, map[string][]float64{"params0": p}, []string{"at", "of", "d"}, func(s *graph.Scope) {
			o := windowOf(methods.NewBatch(s, n, windowed(0)), 0)
			at, of := m.matches(squaredDistances(o.cells(s, side, side), o.cells(s, side, side)), 4)
			s.Output("at", s.Float(at))
			s.Output("of", s.Float(of))
			d := s.Floats("distances", []float64{5, 4, 3, 1, 9, 2, 6, 7, 8}, 1, 3, 3)
			at, _ = m.matches(d, 2)
			s.Output("d", s.Float(at))
		})
		if !slices.Equal(got["at"], got["of"]) {
			t.Errorf("order %s: places %v match %v, want themselves", order, got["at"], got["of"])
		}
		want := []float64{1, 0} // of least distances 3, 1, 6
		if order == byPlace {
			want = []float64{0, 1}
		}
		if !slices.Equal(got["d"], want) {
			t.Errorf("order %s: chosen are %v, want %v", order, got["d"], want)
		}
	}
}

// The foreground is the fewest patches that have the share of the attention.
func TestForeground(t *testing.T) {
	got := run(t, nil, []string{"seen", "gaze"}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 2, windowed(0))
		enc := methods.EncoderOf(vit("class"), b.Of("view0"))
		x := make([]float64, 2*12*12*2)
		for i := range x {
			x[i] = 3 * math.Sin(float64(i*i))
		}
		_, places := enc.Places(s)(s.Floats("x", x, 2, 12, 12, 2))
		s.Output("seen", smallLeopart().foreground(s, enc, places))
		s.Output("gaze", op.Mean(gazeOf(s, enc, places), false, 1))
	})
	for i := range 2 {
		gaze, seen := got["gaze"][i*16:(i+1)*16], got["seen"][i*16:(i+1)*16]
		var all, mass, least, most float64 = 0, 0, 1, 0
		for k, w := range gaze {
			all += w
			if seen[k] == 1 {
				mass, least = mass+w, min(least, w)
			} else {
				most = max(most, w)
			}
		}
		if mass < 0.6*all || mass-least >= 0.6*all || most > least {
			t.Errorf("image %d: the foreground has %v of the attention, %v without its least; patches outside have up "+
				"to %v and inside at least %v", i, mass/all, (mass-least)/all, most, least)
		}
	}
}
