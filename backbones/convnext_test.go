package backbones_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// convNeXtNames is our name for a parameter of the authors': downsample_layers.1.0.weight is downsample/1/norm/weight.
func convNeXtNames(name string) string {
	var stage, part int
	var leaf string
	if n, _ := fmt.Sscanf(name, "downsample_layers.%d.%d.%s", &stage, &part, &leaf); n == 3 {
		layer := "conv"
		if (stage == 0) == (part == 1) { // the norm is behind the stem, and before the others
			layer = "norm"
		}
		return fmt.Sprintf("downsample/%d/%s/%s", stage, layer, leaf)
	}
	return strings.ReplaceAll(name, ".", "/")
}

// convNeXt compares one training step of ConvNeXt with the authors', in both element types.
func convNeXt(t *testing.T, f *golden.Fixture) {
	x := golden.Image(f.Inputs["x"])
	img := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
	net := backbones.DefaultConvNeXt()
	net.Version, net.LayerScale = 1, 1e-6
	net.Dims, net.Depth = golden.Param[[]int](t, f, "dims"), golden.Param[[]int](t, f, "depths")
	if err := net.Check(img); err != nil {
		t.Fatal(err)
	}
	oneStep(t, f, ongraph.Model{F: f, Ours: convNeXtNames}, func(s *graph.Scope) *graph.Node {
		return net.New(s, img)(s.State("x", ongraph.Hold(x), x.Shape...))
	})
}

// convNeXtBlock compares a single block.
func convNeXtBlock(t *testing.T, f *golden.Fixture) {
	x := golden.Image(f.Inputs["x"])
	o := backbones.ConvNeXtBlock{Dim: golden.Param[int](t, f, "dim")}
	if _, ok := f.Params["grn_eps"]; ok {
		o.Response = true
	} else {
		o.LayerScale = 1e-6
	}
	oneStep(t, f, ongraph.Model{F: f, Ours: convNeXtNames}, func(s *graph.Scope) *graph.Node {
		y := o.New(s)(s.State("x", ongraph.Hold(x), x.Shape...))
		return op.Transpose(y, 0, 3, 1, 2) // the fixture's loss goes by its order
	})
}

// smallConvNeXt is one of two stages that a test changes.
func smallConvNeXt(change func(c *backbones.ConvNeXt)) *backbones.ConvNeXt {
	c := backbones.DefaultConvNeXt()
	c.Patch, c.Dims, c.Depth = 2, []int{4, 6}, []int{1, 2}
	change(c)
	return c
}

var convNeXts = map[string]*backbones.ConvNeXt{
	"two":     smallConvNeXt(func(*backbones.ConvNeXt) {}),
	"one":     smallConvNeXt(func(c *backbones.ConvNeXt) { c.Version, c.LayerScale = 1, 0.5 }),
	"batch":   smallConvNeXt(func(c *backbones.ConvNeXt) { c.Response = "batch" }),
	"without": smallConvNeXt(func(c *backbones.ConvNeXt) { c.Response = "without" }),
	"depth":   smallConvNeXt(func(c *backbones.ConvNeXt) { c.DropPath = 0.4 }),
}

// larger moves the weights of the networks away from their small beginnings.
func larger(st *graph.Store) {
	for _, n := range st.Names() {
		e := st.Get(n)
		r := graph.Rand(5, n)
		for i := range e.Shape.Size() {
			if e.Kind == graph.Param {
				e.Set(i, e.At(i)+0.3*r.NormFloat64())
			}
		}
	}
}

func TestConvNeXtGradients(t *testing.T) {
	img := backbones.Pixels(8, 12, 2)
	for name, c := range convNeXts {
		t.Run(name, func(t *testing.T) {
			checkGradients(t, c, img, larger, 4)
		})
	}
}

// What is in hidden cells changes nothing, hidden cells are 0, and with no cell hidden the features are New's.
func TestMaskedConvNeXt(t *testing.T) {
	img := backbones.Pixels(8, 12, 2)
	const rows, columns, b = 2, 3, 2
	mask := []float64{1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0} // three of six cells of either image
	for name, c := range convNeXts {
		if c.DropPath > 0 {
			continue
		}
		st := graph.NewStore(1)
		image := func(s *graph.Scope) *graph.Node {
			return s.State("x", graph.Normal(1), append([]int{b}, img.Shape...)...)
		}
		run := func(build func(s *graph.Scope)) *graph.Program {
			p := compile(t, ref.Backend{}, st, graph.Options{DType: ir.F64}, build)
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			return p
		}
		run(func(s *graph.Scope) { s.Output("dense", c.New(s.In("backbone"), img)(image(s))) })
		larger(st)
		dense := ongraph.Read(t, run(func(s *graph.Scope) {
			s.Output("dense", c.New(s.In("backbone"), img)(image(s)))
		}), "dense")
		encode := func(mask []float64, k int, spoilt bool) (y, features []float64) {
			p := run(func(s *graph.Scope) {
				e := c.NewMasked(s.In("backbone"), img)
				if e.Rows != rows || e.Columns != columns || e.Stride != 4 {
					t.Fatalf("%dx%d cells of %d pixels", e.Rows, e.Columns, e.Stride)
				}
				x := image(s)
				if spoilt {
					m := op.Reshape(s.Floats("more", mask, b, rows*columns), b, rows, 1, columns, 1, 1)
					fine := op.BroadcastTo(m, ir.Shape{b, rows, 4, columns, 4, 2})
					x = op.Add(x, op.Scale(op.Reshape(fine, op.ShapeOf(x)...), 7))
				}
				z := e.Encode(x, s.Floats("mask", mask, b, rows*columns), k)
				s.Output("y", z)
				s.Output("features", e.Pool(z, k))
			})
			return ongraph.Read(t, p, "y"), ongraph.Read(t, p, "features")
		}
		before, features := encode(mask, 3, false)
		after, _ := encode(mask, 3, true)
		d, largest := c.Dim(), 0.0
		for i, v := range before {
			if hidden := mask[i/d] == 1; hidden != (v == 0) {
				t.Fatalf("%s: cell %d, hidden %v, has a value of %v", name, i/d, hidden, v)
			}
			largest = max(largest, math.Abs(v))
			if math.Abs(v-after[i]) > 1e-12 {
				t.Fatalf("%s: cell %d changes with what is hidden: %v, %v", name, i/d, v, after[i])
			}
		}
		if largest < 1e-3 || math.IsNaN(features[0]) {
			t.Errorf("%s: largest value %v, features %v", name, largest, features)
		}
		_, all := encode(make([]float64, len(mask)), rows*columns, false)
		for i, v := range all {
			if math.Abs(v-dense[i]) > 1e-12 {
				t.Fatalf("%s: without a mask feature %d is %v, New's %v", name, i, v, dense[i])
			}
		}
	}
}

func TestConvNeXtChecks(t *testing.T) {
	img := backbones.Pixels(8, 12, 2)
	for _, c := range []struct {
		change func(c *backbones.ConvNeXt)
		want   string // part of the error
	}{
		{func(c *backbones.ConvNeXt) { c.Version = 3 }, "3: want 1 or 2"},
		{func(c *backbones.ConvNeXt) { c.Size = "huge" }, `"huge": want "atto"`},
		{func(c *backbones.ConvNeXt) { c.Depth = []int{1} }, "1 stages, and dims = [4 6] has 2"},
		{func(c *backbones.ConvNeXt) { c.Depth = []int{1, 0} }, "every stage wants at least 1 block"},
		{func(c *backbones.ConvNeXt) { c.Dims = []int{4, 0} }, "every width must be at least 1"},
		{func(c *backbones.ConvNeXt) { c.Patch = 0 }, "0: want at least 1 pixel"},
		{func(c *backbones.ConvNeXt) { c.Patch = 8 }, "smaller than the network's stride of 16"},
		{func(c *backbones.ConvNeXt) { c.LayerScale = -1 }, "-1: want a number above 0"},
		{func(c *backbones.ConvNeXt) { c.DropPath = 1 }, "1: want a probability"},
		{func(c *backbones.ConvNeXt) { c.Response = "all" }, `"all": want "without"`},
	} {
		if err := smallConvNeXt(c.change).Check(img); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	for size, want := range map[string]int{"atto": 320, "femto": 384, "pico": 512, "nano": 640, "tiny": 768} {
		c := backbones.DefaultConvNeXt()
		c.Size = size
		if err := c.Check(backbones.Pixels(64, 64, 3)); err != nil || c.Dim() != want {
			t.Errorf("%s: %v; %d features, want %d", size, err, c.Dim(), want)
		}
	}
}

// parameters counts the numbers that are trained.
func parameters(t *testing.T, b backbones.Backbone, in backbones.Input) (n int) {
	t.Helper()
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		s.Output("y", b.New(s, in)(s.Input("x", append([]int{1}, in.Shape...)...)))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range g.States() {
		if l.Kind == graph.Param {
			n += l.Shape.Size()
		}
	}
	return n
}

// The networks have as many parameters as the published ones without their classifiers: ConvNeXt V2's table 11 less
// 1,000 classes, torchvision's ResNets less 1,000 classes.
func TestPublishedSizes(t *testing.T) {
	classifier := func(dim int) int { return 1000 * (dim + 1) }
	img := backbones.Pixels(64, 64, 3)
	for size, want := range map[string]float64{"atto": 3.7e6, "femto": 5.2e6, "pico": 9.1e6, "nano": 15.6e6,
		"tiny": 28.6e6} {
		c := backbones.DefaultConvNeXt()
		c.Size = size
		got := parameters(t, c, img) + classifier(c.Dim())
		if math.Abs(float64(got)-want) > 0.06e6 {
			t.Errorf("%s: %d parameters with a classifier, want %.1f million", size, got, want/1e6)
		}
	}
	for _, c := range []struct {
		depth int
		inner float64
		want  int
	}{{34, 1, 21797672}, {101, 1, 44549160}, {152, 1, 60192808}, {50, 2, 68883240}, {50, 1, 25557032}} {
		r := backbones.DefaultResNet()
		r.Depth, r.Inner = c.depth, c.inner
		if err := r.Check(img); err != nil {
			t.Fatal(err)
		}
		if got := parameters(t, r, img) + classifier(r.Dim()); got != c.want {
			t.Errorf("depth %d, inner %v: %d parameters with a classifier, want %d", c.depth, c.inner, got, c.want)
		}
	}
}
