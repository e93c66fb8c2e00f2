package masked_test

import (
	"fmt"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/methods/methodtest"
)

// fcmaeNames turns the names of the FCMAE code into ours.
var fcmaeNames = strings.NewReplacer("mask_token", "decoder/mask", "proj.", "decoder/embed/", "pred.", "decoder/paint/",
	"decoder.", "decoder/blocks/", "downsample_layers.0.0", "backbone/downsample/0/conv",
	"downsample_layers.0.1", "backbone/downsample/0/norm", "downsample_layers.1.0", "backbone/downsample/1/norm",
	"downsample_layers.1.1", "backbone/downsample/1/conv", "stages.", "backbone/stages/", ".", "/")

// TestGoldenFCMAE compares one training step with the authors' decoder, loss and blocks, responses normalised over an
// image and over the batch: what is encoded and painted, the loss, and every gradient.
func TestGoldenFCMAE(t *testing.T) {
	for _, name := range []string{"mim/fcmae_micro", "mim/fcmae_micro_batch_grn"} {
		f := golden.Load(t, name)
		x, mask := golden.Image(f.Inputs["imgs"]), f.Inputs["mask"]
		img := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
		net := backbones.DefaultConvNeXt()
		net.Patch, net.Depth = golden.Param[int](t, f, "stem"), golden.Param[[]int](t, f, "depths")
		net.Dims = golden.Param[[]int](t, f, "dims")
		if golden.Param[string](t, f, "grn_over") == "batch" {
			net.Response = "batch"
		}
		m := &masked.FCMAE{Mask: golden.Param[float64](t, f, "mask_ratio"),
			NormalizePixels: golden.Param[bool](t, f, "norm_pix_loss"),
			DecoderDim:      golden.Param[int](t, f, "decoder_embed_dim"),
			DecoderDepth:    golden.Param[int](t, f, "decoder_depth")}
		if err := net.Check(img); err != nil {
			t.Fatal(err)
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		visible := 0
		for _, v := range mask.Data[:mask.Shape[1]] {
			visible += 1 - int(v)
		}
		for _, b := range []struct {
			name          string
			dtype         ir.DType
			backend       ir.Backend
			output, first float64 // tolerances
		}{{"float64", ir.F64, ref.Backend{}, 1e-6, 1e-5}, {"float32", ir.F32, cpu.Backend{Poison: true}, 1e-3, 1e-2}} {
			t.Run(name+"/"+b.name, func(t *testing.T) {
				st := graph.NewStore(1)
				g, err := graph.Build(graph.Options{DType: b.dtype, Training: true}, func(s *graph.Scope) {
					e := net.NewMasked(s.In("backbone"), img)
					if stride := golden.Param[int](t, f, "patch_size"); e.Stride != stride {
						t.Fatalf("cells of %d pixels, want %d", e.Stride, stride)
					}
					in := s.State("imgs", ongraph.Hold(x), x.Shape...)
					hidden := s.Floats("hidden", mask.Data, mask.Shape...)
					latent, painted := m.Reconstruct(s, e, in, hidden, visible)
					loss := losses.PatchMSE(painted, masked.PatchTarget(in, e.Stride, m.NormalizePixels), hidden)
					s.Output("encoder_out", op.Transpose(latent, 0, 3, 1, 2))
					s.Output("pred", op.Transpose(painted, 0, 2, 1))
					s.Output("loss", loss)
					for i, d := range s.Gradients(loss, s.Params()) {
						if d != nil {
							s.Output("gradient/"+s.Name(s.Params()[i]), d)
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.Compile(b.backend, st)
				if err != nil {
					t.Fatal(err)
				}
				model := ongraph.Model{F: f, Ours: fcmaeNames.Replace}
				model.Fill(t, st)
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				golden.Compare(t, "loss", ongraph.Read(t, p, "loss"), f.Outputs["loss"], b.output)
				golden.Compare(t, "encoder_out", ongraph.Read(t, p, "encoder_out"), f.Outputs["encoder_out"], b.output)
				golden.Compare(t, "pred", ongraph.Read(t, p, "pred")[:256], f.Outputs["pred_first256"], b.output)
				model.Gradients(t, func(name string) []float64 {
					return ongraph.Read(t, p, "gradient/"+name)
				}, b.output, b.first)
			})
		}
	}
}

// smallFCMAE is a method and its backbone for images of 8x8.
func smallFCMAE() (*masked.FCMAE, *backbones.ConvNeXt) {
	net := backbones.DefaultConvNeXt()
	net.Patch, net.Dims, net.Depth = 1, []int{4, 6}, []int{1, 1}
	return &masked.FCMAE{Mask: 0.6, DecoderDim: 5, DecoderDepth: 1, NormalizePixels: true}, net
}

func TestFCMAEGradients(t *testing.T) {
	m, net := smallFCMAE()
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		e := net.NewMasked(s.In("backbone"), backbones.Pixels(8, 8, 1))
		x := s.Input("x", 2, 8, 8, 1)
		mask := make([]float64, 2*16)
		for i := range mask {
			mask[i] = float64((i*7 + i/16) % 16 / 6 & 1)
		}
		seen := 0
		for i, v := range mask[:16] {
			seen += 1 - int(v)
			mask[16+i] = mask[(i+5)%16]
		}
		hidden := s.Floats("hidden", mask, 2, 16)
		latent, painted := m.Reconstruct(s, e, x, hidden, seen)
		loss := losses.PatchMSE(painted, masked.PatchTarget(x, e.Stride, true), hidden)
		return op.Add(loss, op.SumAll(op.Square(e.Pool(latent, seen))))
	}, func(st *graph.Store) {
		for _, n := range st.Names() {
			e, r := st.Get(n), graph.Rand(5, n)
			for i := range e.Shape.Size() {
				if e.Kind == graph.Param {
					e.Set(i, e.At(i)+0.3*r.NormFloat64())
				}
			}
		}
	}, 4, 1e-6)
}

func TestFCMAEErrors(t *testing.T) {
	build := func(m *masked.FCMAE, net backbones.Backbone, side int) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, methodtest.Images(side, side, 1))
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	m, net := smallFCMAE()
	if err := build(m, net, 8); err != nil {
		t.Errorf("8x8: %v", err)
	}
	all := *m
	all.Mask = 0.99
	for _, c := range []struct {
		err  error
		want string
	}{
		{build(m, tinyViT, 8), "cannot leave out cells of an image"},
		{build(m, net, 9), "images of 9x9 pixels are no whole cells of 2"},
		{build(&all, net, 8), "hides 16 of 16"},
		{(&masked.FCMAE{Mask: 1, DecoderDim: 1, DecoderDepth: 1}).Validate(), "1: want a fraction"},
		{(&masked.FCMAE{Mask: 0.5, DecoderDepth: 1}).Validate(), "0: want at least 1 channel"},
		{(&masked.FCMAE{Mask: 0.5, DecoderDim: 1}).Validate(), "0: want at least 1 block"},
	} {
		if c.err == nil || !strings.Contains(fmt.Sprint(c.err), c.want) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}
