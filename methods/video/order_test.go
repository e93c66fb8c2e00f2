package video

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// perFrame sees every frame by a small convnet.
var perFrame = &backbones.PerFrame{Tower: overlay.Choice[backbones.Backbone]{Name: "convnet",
	Value: &backbones.ConvNet{Widths: []int{4}}}}

// paced are clips of a shape at one of n paces.
func paced(n int, shape ...int) methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: shape}, feed.Field{Name: "pace", Int: true, Of: []int{n}})
}

var tubes = &backbones.ViT3D{Channels: 8, Depth: 1, Heads: 2, Patch: 2, Tube: 2, Position: "sincos"}

// The gradients of every method of time are the central differences of its loss.
func TestGradientsOfTime(t *testing.T) {
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
		d   methods.Data
	}{
		"shuffle_learn": {&ShuffleLearn{Hidden: []int{6}}, perFrame, paced(1, 5, 4, 4, 2)},
		"opn": {&OPN{Frames: 4, Pair: 5, Hidden: []int{6}, SplitChannel: true}, perFrame,
			paced(1, 4, 4, 4, 3)},
		"opn of three": {&OPN{Frames: 3, Pair: 5}, perFrame, paced(1, 3, 4, 4, 2)},
		"pace": {&Pace{Contrast: 0.5, Projector: []int{6, 4}, Temperature: 0.3}, tubes,
			paced(3, 4, 4, 4, 1)},
		"pace alone":         {&Pace{}, perFrame, paced(4, 4, 4, 4, 1)},
		"speednet":           {DefaultSpeedNet(), tubes, paced(2, 4, 4, 4, 1)},
		"speednet of frames": {DefaultSpeedNet(), perFrame, paced(2, 4, 4, 4, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.m.Validate(); err != nil {
				t.Fatal(err)
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, c.d)
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// run computes the outputs of a graph in float64, after fill has filled what the store holds.
func run(t *testing.T, fill func(name string, a ir.Array), build func(s *graph.Scope)) func(name string) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range st.Names() {
		fill(name, st.Get(name).Array)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) (v []float64) {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Shape.Size() {
			v = append(v, a.At(i))
		}
		return v
	}
}

// Orders are all of which none is the opposite of another.
func TestOrders(t *testing.T) {
	for n, want := range map[int]int{3: 3, 4: 12, 5: 60} {
		all := orders(n)
		seen := map[string]bool{}
		for _, o := range all {
			back := slices.Clone(o)
			slices.Reverse(back)
			if seen[fmt.Sprint(o)] || seen[fmt.Sprint(back)] {
				t.Errorf("%v is there before, or its opposite", o)
			}
			seen[fmt.Sprint(o)] = true
		}
		if len(all) != want || !slices.IsSorted(all[0]) {
			t.Errorf("%d orders of %d, the first %v; want %d, in order first", len(all), n, all[0], want)
		}
	}
}

// Triples and pairs are those of the papers, against plain loops: with features that say where a frame is, and weights
// that pick one of them, logits are the places that a triple, or a pair of the shuffled frames, holds.
func TestTriplesAndPairs(t *testing.T) {
	const size, frames = 2, 5
	where := func(s *graph.Scope, n int) *graph.Node { // [B,n,1]: 10 b + frame
		var x []float64
		for b := range size {
			for f := range n {
				x = append(x, float64(10*b+f))
			}
		}
		return s.Floats("where", x, size, n, 1)
	}
	m := &ShuffleLearn{}
	for place := range 3 { // of the triple
		v := run(t, func(name string, a ir.Array) {
			for i := range a.Shape.Size() {
				a.Set(i, 0)
			}
			if strings.HasSuffix(name, "classifier/0/weight") { // [3,2]
				a.Set(2*place, 1)
			}
		}, func(s *graph.Scope) {
			logits, labels, weight := m.logits(s, where(s, frames), s.Floats("turned", []float64{0, 1}, size, 1))
			s.Output("logits", logits)
			s.Output("labels", op.Float(labels, ir.F64))
			s.Output("weight", weight)
		})
		for k, triple := range [][]int{{1, 2, 3}, {1, 0, 3}, {1, 4, 3}} {
			for b := range size {
				want := triple[place]
				if b == 1 { // turned round
					want = 10 + triple[2-place]
				}
				if got := v("logits")[(k*size+b)*2]; got != float64(want) {
					t.Errorf("triple %d of clip %d: place %d has frame %v, want %d", k, b, place, got, want)
				}
				ordered, weight := 0.0, 0.75
				if k == 0 {
					ordered, weight = 1, 1.5
				}
				if v("labels")[k*size+b] != ordered || v("weight")[k*size+b] != weight {
					t.Errorf("triple %d: class %v with weight %v", k, v("labels")[k*size+b], v("weight")[k*size+b])
				}
			}
		}
	}

	o := &OPN{Frames: 4, Pair: 1}
	all := orders(4)
	drawn := []int32{5, 11}
	n := 0
	for i := range 4 {
		for j := i + 1; j < 4; j++ {
			v := run(t, func(name string, a ir.Array) {
				for k := range a.Shape.Size() {
					a.Set(k, 0)
				}
				switch {
				case strings.HasSuffix(name, "pair/weight"): // [2,1]: 100 times the first frame, and the second
					a.Set(0, 100)
					a.Set(1, 1)
				case strings.HasSuffix(name, "classifier/0/weight"): // [6,12]
					a.Set(n*12, 1)
				}
			}, func(s *graph.Scope) { s.Output("logits", o.logits(s, where(s, 4), s.Ints("drawn", drawn))) })
			for b := range size {
				put := all[drawn[b]]
				if want := float64(100*(10*b+put[i]) + 10*b + put[j]); v("logits")[b*12] != want {
					t.Errorf("pair %d of clip %d is %v, want %v", n, b, v("logits")[b*12], want)
				}
			}
			n++
		}
	}
}

// A frame shows one of its channels as all of them, each of them in some frame.
func TestOneChannel(t *testing.T) {
	const size, frames, pixels, channels = 4, 6, 4, 3
	v := run(t, func(string, ir.Array) {}, func(s *graph.Scope) {
		x := make([]float64, size*frames*pixels*channels)
		for i := range x {
			x[i] = float64(i)
		}
		s.Output("y", oneChannel(s, s.Random("channels"), s.Floats("x", x, size, frames, 2, 2, channels)))
	})
	seen := map[int]bool{}
	for i := range size * frames {
		first := int(v("y")[i*pixels*channels]) % channels
		seen[first] = true
		for p := range pixels {
			for c := range channels {
				at := (i*pixels + p) * channels
				if got := v("y")[at+c]; got != float64(at+first) {
					t.Fatalf("frame %d, pixel %d, channel %d is %v, want %d", i, p, c, got, at+first)
				}
			}
		}
	}
	if len(seen) != channels {
		t.Errorf("channels %v in %d frames, want all", seen, size*frames)
	}
}

// SpeedNet's loss is the logistic one of the largest values over times, against plain loops.
func TestSpeedNetFormula(t *testing.T) {
	const n, times, f = 3, 4, 2
	x := make([]float64, n*times*f)
	for i := range x {
		x[i] = math.Sin(float64(3 * i))
	}
	v := run(t, func(string, ir.Array) {}, func(s *graph.Scope) {
		s.Output("y", largest(s.Floats("x", x, n, times, f)))
	})
	for i := range n * f {
		want := math.Inf(-1)
		for k := range times {
			want = max(want, x[(i/f*times+k)*f+i%f])
		}
		if v("y")[i] != want {
			t.Errorf("entry %d is %v, want %v", i, v("y")[i], want)
		}
	}
}

// What does not fit is refused with what would.
func TestMethodsOfTimeRefuse(t *testing.T) {
	for want, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
		d   methods.Data
	}{
		"choose [backbone.per_frame]":            {DefaultOPN(), tubes, paced(1, 4, 4, 4, 1)},
		"want clips.frames = 5":                  {DefaultShuffleLearn(), perFrame, paced(1, 4, 4, 4, 1)},
		"clips.stride has 3 speeds; this method": {DefaultSpeedNet(), perFrame, paced(3, 4, 4, 4, 1)},
		`asks the data for pace0`: {DefaultPace(), perFrame, methodtest.Data(feed.Field{Name: "view",
			Shape: []int{4, 4, 4, 1}})},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, c.d)
			c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, m := range map[string]methods.Method{
		"frames: 6: want 3, 4 or 5": &OPN{Frames: 6, Pair: 1}, "pair: 0": &OPN{Frames: 4},
		"hidden: [0]": &ShuffleLearn{Hidden: []int{0}}, "contrast: -1": &Pace{Contrast: -1, Temperature: 1},
		"temperature: 0": &Pace{Contrast: 1},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultOPN(), DefaultShuffleLearn(), DefaultPace(), DefaultSpeedNet()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
