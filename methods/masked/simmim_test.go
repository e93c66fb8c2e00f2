package masked

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

var simMIMNames = strings.NewReplacer("encoder.mask_token", "mask", "decoder.0", "paint", "encoder.", "backbone/",
	"cls_token", "class", "patch_embed.proj", "patch", "gamma_1", "scale1/gamma", "gamma_2", "scale2/gamma",
	"q_bias", "qkv/bias", "v_bias", "qkv/bias", "rel_pos_bias.relative_position_bias_table", "relative", ".", "/")

// relativePlaces are the entries of a table of biases, (2n-1)^2 between the patches of an n x n grid and three for the
// class token, by query and key with the class token first.
func relativePlaces(n int) (at []int32) {
	table := (2*n - 1) * (2*n - 1)
	for q := range n*n + 1 {
		for k := range n*n + 1 {
			switch {
			case q == 0 && k == 0:
				at = append(at, int32(table+2))
			case q == 0:
				at = append(at, int32(table))
			case k == 0:
				at = append(at, int32(table+1))
			default:
				dy, dx := (q-1)/n-(k-1)/n+n-1, (q-1)%n-(k-1)%n+n-1
				at = append(at, int32(dy*(2*n-1)+dx))
			}
		}
	}
	return at
}

// TestGoldenSimMIM compares one training step with the authors' code, whose encoder is BEiT's.
func TestGoldenSimMIM(t *testing.T) {
	f := golden.Load(t, "mim/simmim_micro")
	if golden.Param[bool](t, f, "use_abs_pos_emb") || !golden.Param[bool](t, f, "use_shared_rel_pos_bias") {
		t.Skip("the encoder of this test has one table of relative positions and no others")
	}
	x, mask := golden.Image(f.Inputs["x"]), f.Inputs["mask"]
	dim, heads, patch := golden.Param[int](t, f, "embed_dim"), golden.Param[int](t, f, "num_heads"),
		golden.Param[int](t, f, "patch_size")
	n := x.Shape[1] / patch
	model := ongraph.Model{F: f, Ours: simMIMNames.Replace, Thirds: map[string]int{"q_bias": 0, "v_bias": 2},
		AsIs: []string{"relative_position_bias_table"}}
	trainingStep(t, model, func(s *graph.Scope) map[string]*graph.Node {
		at := s.In("backbone")
		table := at.Param("relative", graph.Fill(0), (2*n-1)*(2*n-1)+3, heads)
		tokens := 1 + n*n
		bias := op.Transpose(op.Reshape(op.Gather(table, s.Ints("places", relativePlaces(n))), tokens, tokens, heads),
			2, 0, 1)
		class := op.Reshape(at.Param("class", graph.Fill(0), 1, dim), 1, 1, dim)
		project := layer.Dense(at.In("patch"), patch*patch*x.Shape[3], dim)
		block := layer.Block{Dim: dim, Heads: heads, Hidden: int(float64(dim) * golden.Param[float64](t, f,
			"mlp_ratio")), LayerScale: 1, Mask: layer.Mask{Bias: bias}}
		blocks := layer.Blocks(at.In("blocks"), block, golden.Param[int](t, f, "depth"), 0)
		norm := layer.LayerNormEps(at.In("norm"), dim, golden.Param[float64](t, f, "norm_eps"))
		e := &backbones.TokenEncoder{Dim: dim, Patch: patch, Rows: n, Columns: n, HasClass: true,
			Project: func(x *graph.Node) *graph.Node { return project(layer.Patchify(x, patch)) },
			Place:   func(y, _ *graph.Node) *graph.Node { return y },
			Encode: func(x *graph.Node) *graph.Node {
				b := op.ShapeOf(x)[0]
				return norm(blocks(op.Concat(1, op.BroadcastTo(class, ir.Shape{b, 1, dim}), x)))
			}}
		images := s.State("x", ongraph.Hold(x), x.Shape...)
		hidden := op.Reshape(s.State("hidden", ongraph.Hold(mask), mask.Shape...), x.Shape[0], n*n)
		y, painted := (&SimMIM{}).Paint(s, e, images, hidden)
		// the authors' order of a patch's pixels is by channel: their decoder's rows are moved here, and its gradient
		return map[string]*graph.Node{
			"loss":        losses.PatchL1(painted, byChannel(layer.Patchify(images, patch), patch), hidden),
			"encoder_out": op.Transpose(e.Last(y, n*n), 0, 2, 1),
		}
	})
}

// byChannel is the pixels of patches [B,T,P*P*C] with those of a channel together.
func byChannel(x *graph.Node, patch int) *graph.Node {
	s := op.ShapeOf(x)
	split := op.Reshape(x, s[0], s[1], patch*patch, s[2]/(patch*patch))
	return op.Reshape(op.Transpose(split, 0, 1, 3, 2), s...)
}

// The losses of given reconstructions and features, and the histograms, against the authors' code.
func TestGoldenTargets(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/simmim_l1"), true, func(c *ongraph.Case) {
		patch := golden.Param[int](t, c.F, "patch_size")
		x, made := c.In("x", golden.Image), c.In("x_rec", golden.Image)
		hidden := c.In("mask", golden.Same)
		c.Out("loss", losses.PatchL1(layer.Patchify(made, patch), layer.Patchify(x, patch),
			op.Reshape(hidden, op.ShapeOf(x)[0], -1)), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/maskfeat_hog"), true, func(c *ongraph.Case) {
		hog := HOG(c.In("img", golden.Image), golden.Param[int](t, c.F, "nbins"), golden.Param[int](t, c.F,
			"pool"))
		c.Out("hog", op.Transpose(hog, 0, 3, 4, 1, 2), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/maskfeat_loss"), true, func(c *ongraph.Case) {
		cell, side := golden.Param[int](t, c.F, "pool"), golden.Param[int](t, c.F, "tokens_per_side")
		x, told, hidden := c.In("img", golden.Image), c.In("pred", golden.Same), c.In("mask", golden.Same)
		m := &MaskFeat{Bins: golden.Param[int](t, c.F, "nbins"), Cell: cell}
		target := m.Target(x, op.ShapeOf(x)[1]/side)
		// the file has the hidden patches alone, image by image
		var chosen []int32
		for i, h := range c.F.Inputs["mask"].Data {
			if h == 1 {
				chosen = append(chosen, int32(i))
			}
		}
		rows := func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, op.ShapeOf(x).Last()) }
		c.Out("targets", op.Gather(rows(target), c.Scope.Ints("chosen", chosen)), golden.Same)
		// each row where it belongs, so that the loss sees all patches
		back := make([]int32, len(c.F.Inputs["mask"].Data))
		for i, at := range chosen {
			back[at] = int32(i)
		}
		all := op.Reshape(op.Gather(told, c.Scope.Ints("back", back)), op.ShapeOf(target)...)
		c.Out("loss", losses.PatchMSE(all, target, hidden), golden.Same)
	})
}

// The gradient of the methods that mask among all tokens, against central differences.
func TestMaskTokenGradients(t *testing.T) {
	colour := methods.Data{Samples: 10, Classes: 3, Maker: methodtest.Fields{{Name: "view", Shape: []int{8, 8, 3},
		Low: []float32{-3, -3, -3}, High: []float32{3, 3, 3}}}}
	pixels, parts := DefaultPatchPrediction(), DefaultPatchPrediction()
	pixels.Target = "pixels"
	parts.Target, parts.Levels = "parts", 2
	wide := *fourByFour
	wide.Patch = 4
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
	}{
		"simmim":                    {&SimMIM{Mask: 0.5, Side: 1}, fourByFour},
		"maskfeat":                  {&MaskFeat{Mask: 0.4, Smallest: 2, Bins: 9, Cell: 2}, fourByFour},
		"patch prediction":          {DefaultPatchPrediction(), fourByFour},
		"patch prediction, pixels":  {pixels, fourByFour},
		"patch prediction of parts": {parts, &wide},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, colour)
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 4, 2e-5)
		})
	}
}

// Colours are held against plain loops over the pixels.
func TestPatchColours(t *testing.T) {
	const side, patch, parts, levels = 8, 4, 2, 8
	m := &PatchPrediction{Levels: levels}
	x := golden.Tensor{Shape: []int{2, side, side, 3}, Data: make([]float64, 2*side*side*3)}
	r := graph.Rand(5, "pixels")
	for i := range x.Data {
		x.Data[i] = r.Float64()
	}
	x.Data[0] = 1
	var got []float64
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		s.Output("colours", m.Colours(s, s.State("x", ongraph.Hold(x), x.Shape...), patch, parts))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got = ongraph.Read(t, p, "colours")
	at := 0
	for b := range 2 {
		for py := range side / patch {
			for px := range side / patch {
				for sy := range parts {
					for sx := range parts {
						want := 0
						for c := range 3 {
							sum, n := 0.0, patch/parts
							for y := range n {
								for x1 := range n {
									row, col := py*patch+sy*n+y, px*patch+sx*n+x1
									sum += x.Data[((b*side+row)*side+col)*3+c]
								}
							}
							want = want*levels + min(int(math.Floor(sum/float64(n*n)*levels)), levels-1)
						}
						if got[at] != float64(want) {
							t.Fatalf("image %d, patch %d %d, part %d %d: colour %v, want %d", b, py, px, sy, sx,
								got[at], want)
						}
						at++
					}
				}
			}
		}
	}
}
