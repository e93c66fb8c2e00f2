package masked_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/methods/methodtest"
)

// The units that the authors' mask leaves are those that are taken, one of every square, and put back where they were;
// as many of them are masked again as in their code.
func TestGoldenUniformMask(t *testing.T) {
	f := golden.Load(t, "mim/um_mae_uniform_mask")
	side := golden.Param[int](t, f, "token_size")
	g := masks.Grid{Frames: 1, Rows: side, Columns: side}
	numbers := make([]float64, side*side)
	for i := range numbers {
		numbers[i] = float64(i)
	}
	built, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		u := masked.Uniform(s.Floats("mask", f.Outputs["mask"].Data, 1, side*side), g)
		taken := u.Take(s.Floats("numbers", numbers, 1, side, side, 1))
		s.Output("taken", taken)
		s.Output("put", u.Put(taken, op.Reshape(s.Constant(-1), 1, 1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := built.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	taken := ongraph.Read(t, p, "taken")
	for i, v := range taken { // in the order of the squares
		if y, x := int(v)/side, int(v)%side; y/2*side/2+x/2 != i {
			t.Errorf("unit %v is at place %d of the smaller image", v, i)
		}
	}
	for i, v := range ongraph.Read(t, p, "put") {
		want := -1.0
		if slices.Contains(taken, float64(i)) {
			want = float64(i)
		}
		if v != want {
			t.Errorf("unit %d is put back as %v, want %v", i, v, want)
		}
	}
	slices.Sort(taken)
	if !slices.Equal(taken, f.Outputs["visible"].Data) {
		t.Errorf("taken are %v, want %v", taken, f.Outputs["visible"].Data)
	}
	again := masks.Random{Ratio: golden.Param[float64](t, f, "secondary_ratio")}
	if got, want := again.Visible(masks.Grid{Frames: 1, Rows: side / 2, Columns: side / 2}),
		len(f.Outputs["final_visible"].Data); got != want {
		t.Errorf("%d units stay behind the secondary mask, want %d", got, want)
	}
}

// smallUMMAE is a method and its backbone for images of 16x16: units of 2 pixels.
func smallUMMAE(m string) (*masked.UMMAE, *backbones.Swin) {
	return &masked.UMMAE{Masks: m, Secondary: 0.25, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 1,
			NormalizePixels: true},
		&backbones.Swin{Channels: 4, Depth: []int{1, 1}, Heads: []int{1, 2}, Patch: 2, Window: 2}
}

func TestUMMAEGradients(t *testing.T) {
	for _, kind := range []string{"uniform", "random", "one mask"} {
		m, net := smallUMMAE(kind)
		if kind == "one mask" {
			m.Masks, m.Secondary = "uniform", 0
		}
		t.Run(kind, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 2, methodtest.Images(16, 16, 1))
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, nil, 3, 1e-5)
		})
	}
}

// The encoder sees nothing of hidden units: with other pixels there the features stay.
func TestUMMAEHidesUnits(t *testing.T) {
	for _, kind := range []string{"uniform", "random"} {
		m, net := smallUMMAE(kind)
		g, err := graph.Build(graph.Options{Training: true, DType: ir.F64}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, methodtest.Images(16, 16, 1))
			s.Output("features", m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Features)
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		x, mask := p.Inputs()["view0"], p.Inputs()["mask0"]
		for i := range mask.Shape.Size() { // of every square one is seen, the upper left or its neighbour
			if unit := i % 64; unit/8%2 != 0 || unit%2 != i/64 {
				mask.Set(i, 1)
			}
		}
		for i := range x.Shape.Size() {
			x.Set(i, float64(i*7%11)-5)
		}
		read := func() []float64 {
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			return ongraph.Read(t, p, "features")
		}
		before := read()
		change := func(where float64) {
			for i := range x.Shape.Size() {
				image, row, col := i/256, i/16%16, i%16
				if mask.At(image*64+row/2*8+col/2) == where {
					x.Set(i, x.At(i)+float64(i%5))
				}
			}
		}
		change(1)
		if after := read(); !slices.Equal(before, after) {
			t.Errorf("%s: the features change with hidden pixels", kind)
		}
		change(0)
		if after := read(); slices.Equal(before, after) {
			t.Errorf("%s: the features do not change with visible pixels", kind)
		}
	}
}

func TestUMMAEErrors(t *testing.T) {
	build := func(net backbones.Backbone, side int) error {
		m, _ := smallUMMAE("uniform")
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, methodtest.Images(side, side, 1))
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	change := func(f func(m *masked.UMMAE)) error {
		m, _ := smallUMMAE("uniform")
		f(m)
		return m.Validate()
	}
	_, net := smallUMMAE("uniform")
	for _, c := range []struct {
		err  error
		want string
	}{
		{build(tinyViT, 8), "no pyramid of tokens"},
		{build(net, 12), "images of 12x12 pixels do not fit: want a multiple of 8"},
		{change(func(m *masked.UMMAE) { m.Masks = "all" }), `"all": want "uniform" or "random"`},
		{change(func(m *masked.UMMAE) { m.Secondary = 1 }), "1: want a fraction"},
		{change(func(m *masked.UMMAE) { m.DecoderDim = 6 }), "6: want a multiple of 4"},
		{change(func(m *masked.UMMAE) { m.DecoderDepth = 0 }), "0: want at least 1 block"},
		{change(func(m *masked.UMMAE) { m.DecoderHeads = 3 }), "3: want a divisor of decoder_dim = 4"},
	} {
		if c.err == nil || !strings.Contains(fmt.Sprint(c.err), c.want) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}
