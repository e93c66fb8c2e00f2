package backbones_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/optim"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// viTNames turns timm's names into ours.
var viTNames = strings.NewReplacer("cls_token", "class", "pos_embed", "position", "patch_embed.proj", "patch", ".", "/")

// vit compares one training step of a ViT with timm's, in both element types.
func vit(t *testing.T, f *golden.Fixture) {
	if eps, ratio := golden.Param[float64](t, f, "norm_eps"), golden.Param[float64](t, f, "mlp_ratio"); eps != 1e-6 ||
		ratio != 4 {
		t.Skipf("eps %v and MLPs %v times as wide; here they are 1e-6 and 4", eps, ratio)
	}
	x := golden.Image(f.Inputs["x"])
	img := backbones.Pixels(x.Shape[1], x.Shape[2], x.Shape[3])
	net := backbones.DefaultViT()
	net.Channels, net.Depth = golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "depth")
	net.Heads, net.Patch = golden.Param[int](t, f, "num_heads"), golden.Param[int](t, f, "patch_size")
	if err := net.Check(img); err != nil {
		t.Fatal(err)
	}
	oneStep(t, f, ongraph.Model{F: f, Ours: viTNames.Replace}, func(s *graph.Scope) *graph.Node {
		e := net.NewTokens(s, img)
		tokens := e.Encode(e.Embed(s.State("x", ongraph.Hold(x), x.Shape...)))
		s.Output("tokens_first_image", op.Row(tokens, 0))
		return e.Pool(tokens)
	})
}

// oneStep compares a model's outputs y, loss and the gradient of every parameter with a fixture's, in both element
// types. The loss is the sum of y times numbers by formula.
func oneStep(t *testing.T, f *golden.Fixture, model ongraph.Model, build func(s *graph.Scope) *graph.Node) {
	for _, b := range []struct {
		name    string
		dtype   ir.DType
		backend ir.Backend
	}{{"float64", ir.F64, ref.Backend{}}, {"float32", ir.F32, cpu.Backend{Poison: true}}} {
		t.Run(b.name, func(t *testing.T) {
			st := graph.NewStore(1)
			p := compile(t, b.backend, st, graph.Options{DType: b.dtype, Training: true}, func(s *graph.Scope) {
				y := build(s)
				u := golden.Tensor{Data: make([]float64, op.ShapeOf(y).Size())}
				for i := range u.Data {
					u.Data[i] = float64(float32(golden.U(2000, uint32(i))))
				}
				loss := op.SumAll(op.Mul(y, s.State("u", ongraph.Hold(u), op.ShapeOf(y)...)))
				s.Output("y", y)
				s.Output("loss", loss)
				ps := s.Params()
				for i, d := range s.Gradients(loss, ps) {
					s.Output("gradient/"+s.Name(ps[i]), d)
				}
			})
			model.Fill(t, st)
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			tol := tolerances(f.Name, b.dtype)
			for name, want := range f.Outputs {
				golden.Compare(t, name, ongraph.Read(t, p, name), want, tol.output)
			}
			model.Gradients(t, func(name string) []float64 { return ongraph.Read(t, p, "gradient/"+name) }, tol.length,
				tol.first)
		})
	}
}

// small is a ViT of two blocks that a test changes.
func small(change func(v *backbones.ViT)) *backbones.ViT {
	v := &backbones.ViT{Size: "tiny", Channels: 8, Depth: 2, Heads: 2, Patch: 2, Pool: "class", Position: "learned",
		Relative: "none", DropRule: "linear", Form: "vit", Attention: "full"}
	change(v)
	return v
}

var viTs = map[string]*backbones.ViT{
	"class":            small(func(*backbones.ViT) {}),
	"mean":             small(func(v *backbones.ViT) { v.Pool = "mean" }),
	"sincos":           small(func(v *backbones.ViT) { v.Position = "sincos" }),
	"mean of sincos":   small(func(v *backbones.ViT) { v.Position, v.Pool = "sincos", "mean" }),
	"layer scale":      small(func(v *backbones.ViT) { v.LayerScale = 0.5 }),
	"stochastic depth": small(func(v *backbones.ViT) { v.DropPath = 0.4 }),
	"frozen patches":   small(func(v *backbones.ViT) { v.FrozenPatch = true }),
	"registers":        small(func(v *backbones.ViT) { v.Registers = 3 }),
	"mean, registers":  small(func(v *backbones.ViT) { v.Pool, v.Registers = "mean", 2 }),
	"rotary":           small(func(v *backbones.ViT) { v.Position, v.Registers = "rotary", 1 }),
	"relative":         small(func(v *backbones.ViT) { v.Position, v.Relative = "none", "block" }),
	"shared relative":  small(func(v *backbones.ViT) { v.Position, v.Relative, v.Pool = "none", "shared", "mean" }),
	"even depth":       small(func(v *backbones.ViT) { v.DropPath, v.DropRule = 0.4, "uniform" }),
	"clip":             small(func(v *backbones.ViT) { v.Form = "clip" }),
	"windows":          small(func(v *backbones.ViT) { v.Attention, v.AttentionSize, v.Registers = "window", 1, 1 }),
	"linformer":        small(func(v *backbones.ViT) { v.Attention, v.AttentionSize, v.Registers = "linformer", 2, 1 }),
	"performer":        small(func(v *backbones.ViT) { v.Attention, v.AttentionSize = "performer", 5 }),
}

// Weights, the class token and learned positions decay, biases and norms do not; with PlainTokens the tokens do not
// either.
func TestViTDecay(t *testing.T) {
	for _, plain := range []bool{false, true} {
		v := small(func(v *backbones.ViT) { v.PlainTokens, v.LayerScale = plain, 0.1 })
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			img := backbones.Pixels(4, 4, 1)
			v.New(s, img)(s.Input("x", append([]int{2}, img.Shape...)...))
			treat := optim.PlainOnly(s)
			seen := 0
			for _, p := range s.Params() {
				name := s.Name(p)
				want := strings.HasSuffix(name, "/weight") && !strings.Contains(name, "norm")
				if name == "class" || name == "position" {
					want = !plain
					seen++
				}
				if decays := !treat(p).Plain; decays != want {
					t.Errorf("plain_tokens = %v: %s decays: %v, want %v", plain, name, decays, want)
				}
			}
			if seen != 2 {
				t.Errorf("found %d of class and position", seen)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkGradients checks the gradients of a backbone's features of three images, at up to samples elements of each
// parameter; adjust may change the weights before, nil: they stay as drawn.
func checkGradients(t *testing.T, b backbones.Backbone, img backbones.Input, adjust func(*graph.Store), samples int) {
	t.Helper()
	if err := b.Check(img); err != nil {
		t.Fatal(err)
	}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		y := b.New(s.In("backbone"), img)(s.Input("x", append([]int{3}, img.Shape...)...))
		if got, want := op.ShapeOf(y), (ir.Shape{3, b.Dim()}); !got.Equal(want) {
			t.Fatalf("features have shape %v, want %v", got, want)
		}
		return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
	}, adjust, samples, 1e-6)
}

func TestViTGradients(t *testing.T) {
	img := backbones.Pixels(4, 6, 2)
	for name, v := range viTs {
		t.Run(name, func(t *testing.T) {
			checkGradients(t, v, img, nil, 4)
		})
	}
}

// A frozen projection is neither trained nor averaged: the teacher reads the student's.
func TestFrozenPatchIsShared(t *testing.T) {
	img := backbones.Pixels(4, 6, 2)
	v := viTs["frozen patches"]
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		x := s.Input("x", append([]int{3}, img.Shape...)...)
		y := v.New(s.In("backbone"), img)(x)
		z := v.New(s.Twin("teacher", s.Constant(0.9)).In("backbone"), img)(x)
		s.Output("y", op.Add(y, z))
	})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]graph.Kind{}
	for _, l := range g.States() {
		if strings.Contains(l.Name, "patch/") {
			found[l.Name] = l.Kind
		}
	}
	if k, ok := found["backbone/patch/weight"]; len(found) != 1 || !ok || k != graph.State {
		t.Errorf("patch projections: got %v, want backbone/patch/weight alone, as state", found)
	}
}

func TestViTChecks(t *testing.T) {
	img := backbones.Pixels(4, 6, 2)
	for _, c := range []struct {
		name   string
		change func(v *backbones.ViT)
		want   string // part of the error
	}{
		{"size", func(v *backbones.ViT) { v.Size = "huge" }, `"huge": want "tiny", "small" or "base"`},
		{"depth", func(v *backbones.ViT) { v.Depth = -1 }, "-1: want a number above 0"},
		{"pool", func(v *backbones.ViT) { v.Pool = "max" }, `"max": want "class" or "mean"`},
		{"position", func(v *backbones.ViT) { v.Position = "absolute" }, `"absolute": want "learned", "sincos",`},
		{"heads", func(v *backbones.ViT) { v.Heads = 3 }, "3: the tokens' 8 channels are no multiple of it"},
		{"dim", func(v *backbones.ViT) { v.Channels, v.Position = 6, "sincos" }, "6: positions"},
		{"patch", func(v *backbones.ViT) { v.Patch = 4 }, "4: patches of this side do not tile images of 4x6x2"},
		{"no patch", func(v *backbones.ViT) { v.Patch = 0 }, "0: patches"},
		{"layer scale", func(v *backbones.ViT) { v.LayerScale = -1 }, "-1: want a number above 0"},
		{"drop path", func(v *backbones.ViT) { v.DropPath = 1 }, "1: want a probability"},
		{"form", func(v *backbones.ViT) { v.Form = "resnet" }, `"resnet": want "vit" or "clip"`},
		{"relative", func(v *backbones.ViT) { v.Relative = "all" }, `"all": want "none", "shared" or "block"`},
		{"registers", func(v *backbones.ViT) { v.Registers = -1 }, "-1: want a number of tokens"},
		{"drop rule", func(v *backbones.ViT) { v.DropRule = "even" }, `"even": want "linear" or "uniform"`},
		{"rotary", func(v *backbones.ViT) { v.Channels, v.Position = 12, "rotary" }, "2: rotary positions"},
		{"frozen patch", func(v *backbones.ViT) { v.Form, v.FrozenPatch = "clip", true }, "patches are trained where"},
	} {
		if err := small(c.change).Check(img); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
	for name, v := range viTs {
		if err := v.Check(img); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := backbones.DefaultViT().Dim(); got != 192 {
		t.Errorf("ViT-Ti has %d channels, want 192", got)
	}
}
