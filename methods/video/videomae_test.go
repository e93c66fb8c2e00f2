package video_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/video"
)

// clips is [B,C,T,H,W] as [B,T,H,W,C].
func clips(x golden.Tensor) golden.Tensor { return golden.Permute(x, 0, 2, 3, 4, 1) }

// Tubes through a linear layer are VideoMAE's convolution.
func TestGoldenTubes(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "video/patch_embed_3d"), true, func(c *ongraph.Case) {
		p, tube := golden.Param[int](c.T, c.F, "patch_size"), golden.Param[int](c.T, c.F, "tubelet_size")
		w := c.In("proj.weight", func(x golden.Tensor) golden.Tensor { return golden.Permute(x, 2, 3, 4, 1, 0) })
		x := backbones.Tubes(c.In("x", clips), tube, p)
		s := op.ShapeOf(x)
		flat := op.Reshape(w, s[2], op.ShapeOf(w).Last())
		y := op.Add(op.MatMul(op.Reshape(x, -1, s[2]), flat, false, false), c.In("proj.bias", golden.Same))
		c.Y(op.Reshape(y, s[0], s[1], -1), golden.Same)
	})
}

// Target and loss are VideoMAE's. The reference takes the data's normalisation off first.
func TestGoldenLoss(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "video/videomae_loss"), true, func(c *ongraph.Case) {
		mean, std := golden.Param[[]float64](c.T, c.F, "mean"), golden.Param[[]float64](c.T, c.F, "std")
		x := op.Add(op.Mul(op.StopGradient(c.In("videos", clips)), c.Floats("std", std, len(std))),
			c.Floats("mean", mean, len(mean)))
		target := video.TubeTarget(x, golden.Param[int](c.T, c.F, "tubelet_size"),
			golden.Param[int](c.T, c.F, "patch_size"),
			golden.Param[bool](c.T, c.F, "normlize_target"))
		mask := c.F.Inputs["mask"]
		var hidden []int32
		for i, m := range mask.Data {
			if m != 0 {
				hidden = append(hidden, int32(i))
			}
		}
		flat := op.Reshape(target, -1, op.ShapeOf(target).Last())
		labels := op.Reshape(op.Gather(flat, c.Scope.Ints("hidden", hidden)), op.ShapeOf(target)[0], -1,
			op.ShapeOf(target).Last())
		c.Out("labels", labels, golden.Same)
		c.Out("loss", op.MeanAll(op.Square(op.Sub(c.In("pred", golden.Same), labels))), golden.Same)
	})
}

// Masks hide as many places as VideoMAE's generator, the same in every frame.
func TestGoldenTubeMask(t *testing.T) {
	f := golden.Load(t, "video/tube_mask")
	size := golden.Param[[]int](t, f, "input_size")
	plan := &masks.Plan{Kind: &masks.Tube{Ratio: golden.Param[float64](t, f, "mask_ratio")},
		Grid: masks.Grid{Frames: size[0], Rows: size[1], Columns: size[2]}}
	mask := make([]uint8, plan.Size())
	plan.Draw(mask, 1, 2, 3, &masks.Scratch{})
	want, places := 0, size[1]*size[2]
	for i, m := range f.Outputs["mask"].Data {
		want += int(m)
		if mask[i] != mask[i%places] {
			t.Errorf("token %d is unlike the same place of the first frame", i)
		}
	}
	got := 0
	for _, m := range mask {
		got += int(m)
	}
	if got != want {
		t.Errorf("%d tokens are hidden, the reference hides %d", got, want)
	}
	if v := plan.Kind.(*masks.Tube).Visible(plan.Grid); v*size[0] != len(mask)-want {
		t.Errorf("%d places of a frame are visible, want %d", v, (len(mask)-want)/size[0])
	}
}

// maeNames turns the authors' names into ours, in this order.
var maeNames = strings.NewReplacer("mask_token", "decoder/mask", "encoder_to_decoder", "decoder/embed",
	"encoder.patch_embed.proj", "backbone/patch", "decoder.head", "decoder/paint", "encoder.", "backbone/",
	"decoder.", "decoder/", "q_bias", "qkv/bias", "v_bias", "qkv/bias", ".", "/")

// What is encoded and painted, and the gradient of every parameter, are the authors' model's.
func TestGoldenModel(t *testing.T) {
	f := golden.Load(t, "video/videomae_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	if eps := golden.Param[float64](t, f, "norm_eps"); eps != 1e-6 {
		t.Skipf("eps %v; here it is 1e-6", eps)
	}
	wide := golden.Param[float64](t, f, "mlp_ratio")
	x, mask := clips(f.Inputs["x"]), f.Inputs["mask"]
	v := &backbones.ViT3D{Channels: get("encoder_embed_dim"), Depth: get("encoder_depth"),
		Heads: get("encoder_num_heads"), Patch: get("patch_size"), Tube: get("tubelet_size"), Position: "sincos",
		Attention: "full"}
	v.Hidden = int(wide * float64(v.Channels))
	m := &video.VideoMAE{Mask: 0.5, DecoderDim: get("decoder_embed_dim"), DecoderDepth: get("decoder_depth"),
		DecoderHeads: get("decoder_num_heads")}
	m.DecoderMLP = int(wide * float64(m.DecoderDim))
	visible := 0
	for _, hidden := range mask.Data[:mask.Shape[1]] {
		visible += 1 - int(hidden)
	}
	in := backbones.Input{Shape: x.Shape[1:]}
	if err := errors.Join(v.Check(in), m.Validate()); err != nil {
		t.Fatal(err)
	}
	model := ongraph.Model{F: f, Ours: maeNames.Replace, Thirds: map[string]int{"q_bias": 0, "v_bias": 2}}
	goldenModel(t, model, "y", func(s *graph.Scope) map[string]*graph.Node {
		p := m.Paint(s, v.NewTokens(s.In("backbone"), in), s.State("x", ongraph.Hold(x), x.Shape...),
			s.State("hidden", ongraph.Hold(mask), mask.Shape...), visible)
		u := golden.Tensor{Shape: op.ShapeOf(p.Painted), Data: make([]float64, op.ShapeOf(p.Painted).Size())}
		for i := range u.Data {
			u.Data[i] = float64(float32(golden.U(2000, uint32(i))))
		}
		loss := op.SumAll(op.Mul(p.Painted, s.State("u", ongraph.Hold(u), u.Shape...)))
		return map[string]*graph.Node{"loss": loss, "latent": p.Latent, "y": p.Painted}
	})
}

// goldenModel compares the outputs that build names, of which one has files of its first entries and of the lengths of
// its rows, and the gradient of every parameter.
func goldenModel(t *testing.T, model ongraph.Model, painted string,
	build func(s *graph.Scope) map[string]*graph.Node) {
	f := model.F
	for _, b := range []struct {
		name          string
		dtype         ir.DType
		backend       ir.Backend
		output, first float64 // tolerances
	}{{"float64", ir.F64, ref.Backend{}, 1e-6, 1e-5}, {"float32", ir.F32, cpu.Backend{Poison: true}, 1e-3, 1e-2}} {
		t.Run(b.name, func(t *testing.T) {
			var outputs map[string]*graph.Node
			g, err := graph.Build(graph.Options{DType: b.dtype, Training: true}, func(s *graph.Scope) {
				outputs = build(s)
				for name, n := range outputs {
					s.Output(name, n)
				}
				ps := s.Params()
				for i, d := range s.Gradients(outputs["loss"], ps) {
					s.Output("gradient/"+s.Name(ps[i]), d)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			st := graph.NewStore(1)
			p, err := g.Compile(b.backend, st)
			if err != nil {
				t.Fatal(err)
			}
			model.Fill(t, st)
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for name := range outputs {
				if name != painted {
					golden.Compare(t, name, ongraph.Read(t, p, name), f.Outputs[name], b.output)
				}
			}
			y, rows := ongraph.Read(t, p, painted), f.Outputs[painted+"_row_l2"]
			golden.Compare(t, painted, y[:256], f.Outputs[painted+"_first256"], b.output)
			var lengths []float64
			for i, n := 0, len(y)/len(rows.Data); i < len(y); i += n {
				var ss float64
				for _, v := range y[i : i+n] {
					ss += v * v
				}
				lengths = append(lengths, math.Sqrt(ss))
			}
			golden.Compare(t, "lengths of "+painted, lengths, rows, b.output)
			model.Gradients(t, func(name string) []float64 { return ongraph.Read(t, p, "gradient/"+name) }, b.output,
				b.first)
		})
	}
}

func build(s *graph.Scope, m methods.Method, b backbones.Backbone, shape ...int) methods.Objective {
	batch := methods.NewBatch(s, 2, methodtest.Data(feed.Field{Name: "view", Shape: shape}))
	return m.Build(s, methods.EncoderOf(b, batch.Of("view0")), batch)
}

var small = &backbones.ViT3D{Channels: 8, Depth: 1, Heads: 2, Patch: 2, Tube: 2, Position: "sincos"}

func TestGradients(t *testing.T) {
	class := *small
	class.Class, class.Position = true, "separable"
	for name, c := range map[string]struct {
		m methods.Method
		b backbones.Backbone
	}{
		"scaled": {&video.VideoMAE{Mask: 0.5, DecoderDim: 6, DecoderDepth: 1, DecoderHeads: 1, NormalizePixels: true},
			small},
		"pixels": {&video.VideoMAE{Mask: 0.75, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 2}, &class},
		"agnostic": {&video.MAEST{Mask: 0.5, Frames: 1, DecoderDim: 6, DecoderDepth: 1, DecoderHeads: 1,
			NormalizePixels: true}, &class},
		"agnostic pixels": {&video.MAEST{Mask: 0.5, DecoderDim: 4, DecoderDepth: 1, DecoderHeads: 2}, small},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node { return build(s, c.m, c.b, 4, 4, 4, 1).Loss() },
				nil, 8, 2e-5)
		})
	}
}

// Backbones of images and clips that tubes do not fill are refused with what would be right.
func TestRefusals(t *testing.T) {
	m := video.DefaultVideoMAE()
	for _, c := range []struct {
		b     backbones.Backbone
		shape []int
		want  string
	}{
		{backbones.DefaultConvNet(), []int{8, 8, 1}, "choose [backbone.vit3d]"},
		{&backbones.ViT{Size: "tiny", Patch: 4, Pool: "mean", Position: "learned"}, []int{8, 8, 1},
			"patches of images"},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { build(s, m, c.b, c.shape...) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	for _, in := range [][]int{{3, 4, 4, 1}, {4, 5, 4, 1}, {4, 4, 1}} {
		if err := small.Check(backbones.Input{Shape: in}); err == nil {
			t.Errorf("tubes of 2x2x2 take %v", in)
		}
	}
}
