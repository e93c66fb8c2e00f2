package masked_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/methods/methodtest"
)

// maeNames turns the names of the MAE code into ours; fixed positions have none.
var maeNames = strings.NewReplacer("mask_token", "decoder/mask", "decoder_pos_embed", "", "pos_embed", "", "cls_token",
	"backbone/class",
	"patch_embed.proj", "backbone/patch", "decoder_embed", "decoder/embed", "decoder_blocks", "decoder/blocks",
	"decoder_norm", "decoder/norm",
	"decoder_pred", "decoder/paint", ".", "/")

func maeName(name string) string {
	if strings.HasPrefix(name, "blocks.") || strings.HasPrefix(name, "norm.") {
		name = "backbone/" + name
	}
	return maeNames.Replace(name)
}

// TestGoldenMAE compares one training step with the authors' code: which patches are hidden, what is encoded and
// painted, the loss, and every gradient.
func TestGoldenMAE(t *testing.T) {
	f := golden.Load(t, "models/mae")
	if eps := golden.Param[float64](t, f, "norm_eps"); eps != 1e-6 {
		t.Skipf("eps %v; here it is 1e-6", eps)
	}
	x, noise := golden.Image(f.Inputs["imgs"]), f.Inputs["noise"]
	img := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
	v := backbones.DefaultViT()
	v.Position, v.Patch = "sincos", golden.Param[int](t, f, "patch_size")
	v.Channels, v.Depth, v.Heads = golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "depth"),
		golden.Param[int](t, f, "num_heads")
	m := &masked.MAE{
		Mask: golden.Param[float64](t, f, "mask_ratio"), NormalizePixels: golden.Param[bool](t, f, "norm_pix_loss"),
		DecoderDim: golden.Param[int](t, f, "decoder_embed_dim"), DecoderDepth: golden.Param[int](t, f,
			"decoder_depth"),
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
				loss := losses.PatchMSE(r.Painted, masked.PatchTarget(in, e.Patch, m.NormalizePixels), r.Hidden)
				for name, n := range map[string]*graph.Node{"loss": loss, "y": r.Latent, "pred": r.Painted,
					"mask": r.Hidden, "ids_restore": r.Places} {
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
			model.Gradients(t, func(name string) []float64 { return ongraph.Read(t, p, "gradient/"+name) }, b.output,
				b.first)
		})
	}
}

var (
	tinyImage = methodtest.Images(8, 8, 1)
	tinyViT   = &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 2, Pool: "class",
		Position: "sincos"}
	tinyMAE = &masked.MAE{Mask: 0.75, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, NormalizePixels: true}
)

// The encoder sees nothing of hidden patches, and the loss nothing of what is painted over visible ones. Which patches
// are hidden changes with the step, in the same number for every image.
func TestMAEHidesPatches(t *testing.T) {
	const batch, side, patches = 3, 8, 16
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, batch, tinyImage)
		enc := methods.EncoderOf(tinyViT, b.Of("view0"))
		s.Output("features", tinyMAE.Build(s, enc, b).Features)
		// over the same mask
		r := tinyMAE.Reconstruct(s, enc.Tokens(s), b.View(0), op.Reshape(b.Field("mask0"), batch, patches))
		s.Output("hidden", r.Hidden)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("view0")
	if err != nil {
		t.Fatal(err)
	}
	mask, err := p.Input("mask0")
	if err != nil {
		t.Fatal(err)
	}
	r := graph.Rand(1, "images")
	for i := range x.F32 {
		x.F32[i] = float32(r.NormFloat64())
	}
	for b := range batch {
		for _, i := range r.Perm(patches)[:12] {
			mask.F32[b*patches+i] = 1
		}
	}
	read := func(name string) []float64 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return ongraph.Read(t, p, name)
	}
	hidden, features := read("hidden"), read("features")
	for i, h := range hidden {
		if h != float64(mask.F32[i]) {
			t.Fatalf("patch %d of image %d: the training hides it: %v, the mask says %v", i%patches, i/patches, h,
				mask.F32[i])
		}
	}
	for i := range x.F32 { // other pixels where they are hidden
		b, row, col := i/(side*side), i/side%side, i%side
		if hidden[b*patches+row/2*4+col/2] == 1 {
			x.F32[i] += 10
		}
	}
	for i, f := range read("features") {
		if math.Abs(f-features[i]) > 1e-6 {
			t.Fatalf("features[%d] is %v, and %v with other pixels in the hidden patches; want no difference", i,
				features[i], f)
		}
	}
	for i := range x.F32 { // and where they are not
		b, row, col := i/(side*side), i/side%side, i%side
		if hidden[b*patches+row/2*4+col/2] == 0 {
			x.F32[i] += float32(i % 3)
		}
	}
	for i, f := range read("features") {
		if math.Abs(f-features[i]) > 1e-3 {
			return
		}
	}
	t.Error("the features are the same with other pixels in the visible patches")
}

func TestMAEErrors(t *testing.T) {
	build := func(m *masked.MAE, net backbones.Backbone) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, tinyImage)
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	conv := &backbones.ConvNet{Widths: []int{4}}
	all := *tinyMAE
	all.Mask = 0.99
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no tokens", build(tinyMAE, conv), "no patch tokens to hide: choose one that has, such as [backbone.vit]"},
		{"all hidden", build(&all, tinyViT), "mask = 0.99 leaves 0 of 16 patches"},
		{"mask", (&masked.MAE{Mask: 1, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2}).Validate(),
			"1: want a fraction between 0 and 1"},
		{"dim", (&masked.MAE{Mask: 0.5, DecoderDim: 6, DecoderDepth: 1, DecoderHeads: 2}).Validate(),
			"6: want a multiple of 4"},
		{"depth", (&masked.MAE{Mask: 0.5, DecoderDim: 8, DecoderHeads: 2}).Validate(), "0: want at least 1 block"},
		{"heads", (&masked.MAE{Mask: 0.5, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 3}).Validate(),
			"3: want a divisor of decoder_dim = 8"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, c.err, c.want)
		}
	}
}
