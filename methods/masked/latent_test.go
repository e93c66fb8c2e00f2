package masked

import (
	"math"
	"slices"
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
	"selfsup/methods/methodtest"
)

// trainingStep compares a training step of a model with a fixture: outputs, which build declares, and the gradients of
// all parameters, in both element types.
func trainingStep(t *testing.T, model ongraph.Model, build func(s *graph.Scope) map[string]*graph.Node) {
	for _, b := range []struct {
		name          string
		dtype         ir.DType
		backend       ir.Backend
		output, first float64 // tolerances
	}{{"float64", ir.F64, ref.Backend{}, 1e-6, 1e-5}, {"float32", ir.F32, cpu.Backend{Poison: true}, 1e-3, 1e-2}} {
		t.Run(b.name, func(t *testing.T) {
			st := graph.NewStore(1)
			g, err := graph.Build(graph.Options{DType: b.dtype, Training: true}, func(s *graph.Scope) {
				outputs := build(s)
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
			p, err := g.Compile(b.backend, st)
			if err != nil {
				t.Fatal(err)
			}
			model.Fill(t, st)
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for name, want := range model.F.Outputs {
				golden.Compare(t, name, ongraph.Read(t, p, name), want, b.output)
			}
			model.Gradients(t, func(name string) []float64 { return ongraph.Read(t, p, "gradient/"+name) }, b.output,
				b.first)
		})
	}
}

var ijepaNames = strings.NewReplacer("predictor_pos_embed", "", "predictor_embed", "embed", "predictor_blocks",
	"blocks",
	"predictor_norm", "norm", "predictor_proj", "tell", "mask_token", "mask", "encoder.pos_embed", "",
	"patch_embed.proj", "patch", "encoder.", "backbone/", ".", "/")

// TestGoldenIJEPA compares one training step with the authors' code: what is encoded, predicted and aimed at.
func TestGoldenIJEPA(t *testing.T) {
	f := golden.Load(t, "mim/ijepa_micro")
	x := golden.Image(f.Inputs["imgs"])
	v := backbones.DefaultViT()
	v.Position, v.Pool, v.Patch = "sincos", "mean", golden.Param[int](t, f, "patch_size")
	v.Channels, v.Depth, v.Heads = golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "depth"),
		golden.Param[int](t, f, "num_heads")
	m := &IJEPA{Dim: golden.Param[int](t, f, "predictor_embed_dim"), Depth: golden.Param[int](t, f, "predictor_depth"),
		Heads: golden.Param[int](t, f, "predictor_num_heads")}
	name := func(n string) string {
		if strings.HasSuffix(n, "pos_embed") {
			return ""
		}
		return ijepaNames.Replace(n)
	}
	trainingStep(t, ongraph.Model{F: f, Ours: name}, func(s *graph.Scope) map[string]*graph.Node {
		e := v.NewTokens(s.In("backbone"), backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3]))
		images := s.State("imgs", ongraph.Hold(x), x.Shape...)
		at := func(input string) places {
			in := f.Inputs[input]
			ids := make([]int32, len(in.Data))
			for i, d := range in.Data {
				ids[i] = int32(d)
			}
			return places{ids: op.Reshape(s.Ints(input, ids), in.Shape...)}
		}
		seen, asked := at("context"), []places{at("target1"), at("target2")}
		y := e.Encode(op.GatherTokens(e.Embed(images), seen.ids))
		predicted := m.Predict(s.In("predictor"), e, y, seen, asked)
		goal := m.Goal(e.Encode(e.Embed(images)), asked) // the teacher is the student
		ones := op.BroadcastTo(s.Constant(1), op.ShapeOf(goal)[:2])
		return map[string]*graph.Node{"context_tokens": y, "predictions": predicted, "targets": goal,
			"loss": m.loss(predicted, goal, ones)}
	})
}

// The losses of latent targets against the authors' code.
func TestGoldenLatents(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/smooth_l1"), true, func(c *ongraph.Case) {
		c.Out("loss", op.MeanAll(losses.SmoothL1(c.In("pred", golden.Same), c.In("target", golden.Same),
			golden.Param[float64](t, c.F, "beta"))), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "losses/ijepa_smooth_l1"), true, func(c *ongraph.Case) {
		in := c.F.Inputs["masks"] // [M,B,K]
		n := in.Shape[1] * in.Shape[2]
		all := c.Ints("masks")
		var asked []places
		for i := range in.Shape[0] {
			asked = append(asked, places{ids: op.Reshape(op.Slice(all, 0, i*n, (i+1)*n), in.Shape[1:]...)})
		}
		m := &IJEPA{}
		goal := m.Goal(c.In("h", golden.Same), asked)
		c.Out("targets", goal, golden.Same)
		ones := op.BroadcastTo(c.Constant(1), op.ShapeOf(goal)[:2])
		c.Out("loss", m.loss(c.In("z", golden.Same), goal, ones), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/data2vec2_loss"), true, func(c *ongraph.Case) {
		f := c.F
		axis := func(key string, axis int) int {
			if golden.Param[bool](t, f, key) {
				return axis
			}
			return 0
		}
		layers := []*graph.Node{c.In("teacher_layer1", golden.Same), c.In("teacher_layer2", golden.Same),
			c.In("teacher_layer3", golden.Same)}
		target := Averaged(layers[len(layers)-golden.Param[int](t, f, "average_top_k_layers"):],
			max(axis("instance_norm_target_layer", 1), axis("layer_norm_target_layer", 2)),
			axis("layer_norm_targets", 2))
		c.Out("targets", target, golden.Same)
		// the file has the copies of an image in a row
		copies, b := golden.Param[int](t, f, "clone_batch"), op.ShapeOf(target)[0]
		var rows []*graph.Node
		for i := range b {
			rows = append(rows, slices.Repeat([]*graph.Node{op.Slice(target, 0, i, i+1)}, copies)...)
		}
		targets := op.Concat(0, rows...)
		hidden := c.In("mask", golden.Same)
		count := f.Outputs["sample_size"].Data[0] // the file's sums are means here
		regression := op.Scale(latentLoss(c.In("decoder_out", golden.Same), targets, hidden,
			golden.Param[float64](t, f, "loss_beta")), count)
		whole := op.Scale(wholeLoss(c.In("cls_pred", golden.Same), targets),
			golden.Param[float64](t, f, "cls_loss_weight")*count*float64(b*copies))
		c.Out("regression", regression, golden.Same)
		c.Out("cls", whole, golden.Same)
		c.Out("loss", op.Add(regression, whole), golden.Same)
	})
}

// The convolutional decoder against the authors' code.
func TestGoldenData2Vec2Decoder(t *testing.T) {
	f := golden.Load(t, "mim/data2vec2_decoder2d")
	param := func(key string) int { return golden.Param[int](t, f, key) }
	m := &Data2Vec2{DecoderDim: param("decoder_dim"), DecoderGroups: param("decoder_groups"),
		DecoderKernel: param("decoder_kernel"), DecoderDepth: param("decoder_layers")}
	e := &backbones.TokenEncoder{Dim: param("input_dim"), Rows: param("height"), Columns: param("width")}
	names := strings.NewReplacer("blocks.0.0", "0", "blocks.1.0", "1", "blocks.2.0", "2", "proj", "tell", ".", "/")
	trainingStep(t, ongraph.Model{F: f, Ours: names.Replace}, func(s *graph.Scope) map[string]*graph.Node {
		x := f.Inputs["x"]
		y := m.Decoder(s, e)(s.State("x", ongraph.Hold(x), x.Shape...))
		u := golden.Tensor{Data: make([]float64, op.ShapeOf(y).Size())}
		for i := range u.Data {
			u.Data[i] = float64(float32(golden.U(2000, uint32(i))))
		}
		return map[string]*graph.Node{"y": y,
			"loss": op.SumAll(op.Mul(y, s.State("u", ongraph.Hold(u), op.ShapeOf(y)...)))}
	})
}

var (
	fourByFour = &backbones.ViT{Size: "tiny", Channels: 8, Depth: 2, Heads: 2, Patch: 2, Pool: "mean",
		Position: "sincos", Form: "vit"}
	smallIJEPA = &IJEPA{Targets: 2, TargetScale: [2]float64{0.15, 0.3}, TargetAspect: [2]float64{0.75, 1.5},
		ContextScale: [2]float64{0.85, 1}, LeastContext: 2, MostContext: 0.6, Dim: 4, Depth: 1, Heads: 2, Momentum: 1}
)

// The gradient of the methods with latent targets, against central differences.
func TestLatentGradients(t *testing.T) {
	class := *fourByFour
	class.Pool = "class"
	v2 := &Data2Vec2{Mask: 0.75, Side: 2, Copies: 2, Layers: 2, Noise: 0.3, Class: 0.5, DecoderDim: 4, DecoderGroups: 2,
		DecoderKernel: 3, DecoderDepth: 2, Momentum: [2]float64{1, 1}}
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
	}{
		"ijepa":                    {smallIJEPA, fourByFour},
		"ijepa with a class token": {smallIJEPA, &class},
		"data2vec": {&Data2Vec{Mask: 0.6, Smallest: 2, Layers: 2, Beta: 2,
			Momentum: [2]float64{1, 1}}, fourByFour},
		"data2vec 2.0":                   {v2, &class},
		"data2vec 2.0 without the class": {v2, fourByFour},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, methodtest.Images(8, 8, 1))
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 4, 5e-5)
		})
	}
}

// The student of I-JEPA sees nothing but the context, and what pads contexts and targets changes nothing.
func TestIJEPASeesTheContext(t *testing.T) {
	const batch, patches, side = 3, 16, 8
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, batch, methodtest.Images(side, side, 1))
		e := methods.EncoderOf(fourByFour, b.Of("view0")).Tokens(s)
		planes := b.Field("view1")
		plane := func(i int) *graph.Node {
			return op.Reshape(op.Slice(op.Reshape(planes, batch, 4, patches), 1, i, i+1), batch, patches)
		}
		predict := func(context, target int) *graph.Node {
			seen, asked := chosen(plane(0), context), chosen(plane(1), target)
			y := e.Among(op.GatherTokens(e.Embed(b.View(0)), seen.ids), seen.there)
			return op.Slice(smallIJEPA.Predict(s.In("predictor"), e, e.Last(y, context), seen, []places{asked}), 1, 0,
				2)
		}
		s.Output("exact", predict(5, 2))
		s.Output("padded", predict(9, 4))
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
	mask, err := p.Input("view1")
	if err != nil {
		t.Fatal(err)
	}
	optest.Fill(x, "view0")
	seen := map[int]bool{}
	for b := range batch {
		for k, i := range graph.Rand(uint64(b), "places").Perm(patches)[:7] {
			plane := 0
			if k >= 5 {
				plane = 1
			}
			mask.F32[(b*4+plane)*patches+i] = 1
			seen[b*patches+i] = plane == 0
		}
	}
	read := func(name string) []float64 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return ongraph.Read(t, p, name)
	}
	want := read("exact")
	expect := func(when, name string) {
		t.Helper()
		for i, v := range read(name) {
			if math.Abs(v-want[i]) > 1e-5 {
				t.Fatalf("%s: prediction %d is %v, want %v", when, i, v, want[i])
			}
		}
	}
	expect("with padding", "padded")
	for i := range x.F32 {
		b, row, col := i/(side*side), i/side%side, i%side
		if !seen[b*patches+row/2*4+col/2] {
			x.F32[i] += 10
		}
	}
	expect("with other pixels outside of the context", "exact")
	expect("with other pixels outside of the context, and padding", "padded")
}
