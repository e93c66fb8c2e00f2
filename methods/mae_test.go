package methods_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
)

// maeNames turns the names of the MAE code into ours; fixed positions have none.
var maeNames = strings.NewReplacer("mask_token", "decoder/mask", "decoder_pos_embed", "", "pos_embed", "", "cls_token", "backbone/class",
	"patch_embed.proj", "backbone/patch", "decoder_embed", "decoder/embed", "decoder_blocks", "decoder/blocks", "decoder_norm", "decoder/norm",
	"decoder_pred", "decoder/paint", ".", "/")

func maeName(name string) string {
	if strings.HasPrefix(name, "blocks.") || strings.HasPrefix(name, "norm.") {
		name = "backbone/" + name
	}
	return maeNames.Replace(name)
}

// viT is an encoder with class token and fixed positions, as methods see it.
func viT(v *backbones.ViT, img backbones.Image) methods.Encoder {
	return methods.Encoder{
		Dim:    v.Dim(),
		New:    func(s *graph.Scope) layer.Func { return v.New(s, img) },
		Tokens: func(s *graph.Scope) *backbones.TokenEncoder { return v.NewTokens(s, img) },
	}
}

// TestGoldenMAE compares one training step with the authors' code: which patches are hidden, what is encoded and painted, the loss, and
// every gradient.
func TestGoldenMAE(t *testing.T) {
	f := golden.Load(t, "models/mae")
	if eps := golden.Param[float64](t, f, "norm_eps"); eps != 1e-6 {
		t.Skipf("eps %v; here it is 1e-6", eps)
	}
	x, noise := golden.Image(f.Inputs["imgs"]), f.Inputs["noise"]
	img := backbones.Image{H: x.Shape[1], W: x.Shape[2], C: x.Shape[3]}
	v := backbones.DefaultViT()
	v.Position, v.Patch = "sincos", golden.Param[int](t, f, "patch_size")
	v.Channels, v.Depth, v.Heads = golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "depth"), golden.Param[int](t, f, "num_heads")
	m := &methods.MAE{
		Mask: golden.Param[float64](t, f, "mask_ratio"), NormalizePixels: golden.Param[bool](t, f, "norm_pix_loss"),
		DecoderDim: golden.Param[int](t, f, "decoder_embed_dim"), DecoderDepth: golden.Param[int](t, f, "decoder_depth"),
		DecoderHeads: golden.Param[int](t, f, "decoder_num_heads"),
	}
	if err := v.Check(img); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct {
		name          string
		dtype         ir.DType
		backend       ir.Backend
		output, first float64 // tolerances
	}{{"float64", ir.F64, ref.Backend{}, 1e-6, 1e-5}, {"float32", ir.F32, cpu.Backend{Poison: true}, 1e-3, 1e-2}} {
		t.Run(b.name, func(t *testing.T) {
			st := graph.NewStore(1)
			g, err := graph.Build(graph.Options{DType: b.dtype, Training: true}, func(s *graph.Scope) {
				e := v.NewTokens(s.In("backbone"), img)
				in := s.State("imgs", ongraph.Hold(x), x.Shape...)
				r := m.Reconstruct(s, e, in, s.State("noise", ongraph.Hold(noise), noise.Shape...))
				loss := methods.PatchMSE(r.Painted, methods.PatchTarget(in, e.Patch, m.NormalizePixels), r.Hidden)
				for name, n := range map[string]*graph.Node{"loss": loss, "y": r.Latent, "pred": r.Painted, "mask": r.Hidden, "ids_restore": r.Places} {
					s.Output(name, n)
				}
				ps := s.Params()
				for i, d := range s.Gradients(loss, ps) {
					s.Output("gradient/"+s.Name(ps[i]), d)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Compile(b.backend, st)
			if err != nil {
				t.Fatal(err)
			}
			model := ongraph.Model{F: f, Ours: maeName}
			model.Fill(t, st)
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for name, want := range f.Outputs {
				golden.Compare(t, name, ongraph.Read(t, p, name), want, b.output)
			}
			model.Gradients(t, func(name string) []float64 { return ongraph.Read(t, p, "gradient/"+name) }, b.output, b.first)
		})
	}
}

var (
	tinyImage = backbones.Image{H: 8, W: 8, C: 1}
	tinyViT   = &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 2, Pool: "class", Position: "sincos"}
	tinyMAE   = &methods.MAE{Mask: 0.75, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, NormalizePixels: true}
)

// The encoder sees nothing of hidden patches, and the loss nothing of what is painted over visible ones. Which patches are hidden changes
// with the step, in the same number for every image.
func TestMAEHidesPatches(t *testing.T) {
	const batch, side, patches = 3, 8, 16
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		x := s.Input("x", batch, side, side, 1)
		enc := viT(tinyViT, tinyImage)
		obj := tinyMAE.Build(s, enc, []*graph.Node{x})
		s.Output("features", obj.Features)
		e := enc.Tokens(s.In("backbone"))
		s.Output("hidden", tinyMAE.Reconstruct(s, e, x, s.Random("mask").Uniform(batch, patches)).Hidden) // the same draw again
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	r := graph.Rand(1, "images")
	for i := range x.F32 {
		x.F32[i] = float32(r.NormFloat64())
	}
	at := func(step int, name string) []float64 {
		p.Schedule(graph.Time{Step: step, Steps: 10})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return ongraph.Read(t, p, name)
	}
	hidden, features := at(3, "hidden"), at(3, "features")
	for b := range batch {
		n := 0.0
		for _, h := range hidden[b*patches : (b+1)*patches] {
			n += h
		}
		if n != 12 {
			t.Errorf("image %d hides %v of %d patches, want 12", b, n, patches)
		}
	}
	same := true
	for i, h := range at(4, "hidden") {
		same = same && h == hidden[i]
	}
	if same {
		t.Error("steps 3 and 4 hide the same patches")
	}
	for i := range x.F32 { // other pixels where they are hidden
		b, row, col := i/(side*side), i/side%side, i%side
		if hidden[b*patches+row/2*4+col/2] == 1 {
			x.F32[i] += 10
		}
	}
	for i, f := range at(3, "features") {
		if math.Abs(f-features[i]) > 1e-6 {
			t.Fatalf("features[%d] is %v, and %v with other pixels in the hidden patches; want no difference", i, features[i], f)
		}
	}
	for i := range x.F32 { // and where they are not
		b, row, col := i/(side*side), i/side%side, i%side
		if hidden[b*patches+row/2*4+col/2] == 0 {
			x.F32[i] += float32(i % 3)
		}
	}
	for i, f := range at(3, "features") {
		if math.Abs(f-features[i]) > 1e-3 {
			return
		}
	}
	t.Error("the features are the same with other pixels in the visible patches")
}

func TestMAEErrors(t *testing.T) {
	build := func(m *methods.MAE, enc methods.Encoder) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			m.Build(s, enc, []*graph.Node{s.Input("x", 2, 8, 8, 1)})
		})
		return err
	}
	net := &backbones.ConvNet{Widths: []int{4}}
	conv := methods.Encoder{Dim: 4, New: func(s *graph.Scope) layer.Func { return net.New(s, tinyImage) }}
	all := *tinyMAE
	all.Mask = 0.99
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no tokens", build(tinyMAE, conv), "no patch tokens to hide: choose one that has, such as [backbone.vit]"},
		{"all hidden", build(&all, viT(tinyViT, tinyImage)), "mask = 0.99 leaves 0 of 16 patches"},
		{"mask", (&methods.MAE{Mask: 1, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2}).Validate(), "1: want a fraction between 0 and 1"},
		{"dim", (&methods.MAE{Mask: 0.5, DecoderDim: 6, DecoderDepth: 1, DecoderHeads: 2}).Validate(), "6: want a multiple of 4"},
		{"depth", (&methods.MAE{Mask: 0.5, DecoderDim: 8, DecoderHeads: 2}).Validate(), "0: want at least 1 block"},
		{"heads", (&methods.MAE{Mask: 0.5, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 3}).Validate(), "3: want a divisor of decoder_dim = 8"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, c.err, c.want)
		}
	}
}
