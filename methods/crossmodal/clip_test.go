package crossmodal_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/methods/crossmodal"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// The loss of given embeddings and scale is open_clip's.
func TestGoldenCLIP(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/clip"), true, func(c *ongraph.Case) {
		logits := op.MatMul(c.In("image", golden.Same), c.In("text", golden.Same), false, true)
		c.Out("loss", losses.Matching(c.Scope, op.Mul(logits, c.In("logit_scale", golden.Same)), 0), golden.Same)
	})
}

// Unit rows and the logarithm of the scale are CLIP's.
func TestGoldenLearnedTemperature(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "multimodal/clip_learned_temperature"), true, func(c *ongraph.Case) {
		scale := c.In("logit_scale", golden.Same)
		logits := crossmodal.Logits(c.Scope, c.In("image", golden.Same), c.In("text", golden.Same), scale)
		c.Out("logits_per_image", logits, golden.Same)
		c.Out("scale", op.Exp(scale), golden.Same)
		c.Out("loss", losses.Matching(c.Scope, logits, 0), golden.Same)
	})
}

// The bound of the scale is the one of CLIP's code.
func TestScaleStaysBelow100(t *testing.T) {
	f := golden.Load(t, "multimodal/clip_learned_temperature")
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		tune := build(s, clip(false, 4), 4).Tune
		if len(tune) != 1 || tune[0].Scope != "log_scale" || tune[0].Within != [2]float64{0,
			golden.Param[float64](t, f, "log_max")} {
			t.Errorf("tuned %+v, want log_scale from 0 to that of the file", tune)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nothing of a locked tower gets a gradient; text and scale do.
func TestGoldenLiT(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "multimodal/lit_locked"), true, func(c *ongraph.Case) {
		sg := op.StopGradient
		u := op.MatMul(sg(c.In("image_features", golden.Same)), sg(c.In("image_proj", golden.Same)), false, true)
		v := op.MatMul(c.In("text_hidden", golden.Same), c.In("text_proj", golden.Same), false, true)
		logits := crossmodal.Logits(c.Scope, u, v, c.In("logit_scale", golden.Same))
		c.Out("logits", logits, golden.Same)
		c.Out("loss", losses.Matching(c.Scope, logits, 0), golden.Same)
	})
}

func clip(lock bool, dim int) *crossmodal.CLIP {
	text := &backbones.Symbols{Width: 5, Hidden: []int{6}}
	return &crossmodal.CLIP{Pairing: crossmodal.Pairing{Dim: dim, Lock: lock,
		Text: overlay.Choice[backbones.Backbone]{Name: "symbols", Value: text}}}
}

// build is a method on small images with captions of 5 symbols.
func build(s *graph.Scope, m methods.Method, rows int) methods.Objective {
	data := methodtest.Data(
		feed.Field{Name: "view", Shape: []int{6, 5, 2}},
		feed.Field{Name: "caption", Shape: []int{3}, Int: true, Of: []int{5}},
		feed.Field{Name: "partner", Shape: []int{6, 5, 2}},
	)
	b := methods.NewBatch(s, rows, data)
	return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b)
}

// towers is a recipe's text tower and head.
func towers(dim int) crossmodal.Pairing { return clip(false, dim).Pairing }

func TestGradients(t *testing.T) {
	simclr := overlay.Choice[methods.Method]{Name: "simclr", Value: &contrastive.SimCLR{Projector: []int{5, 4},
		Temperature: 0.5}}
	for name, m := range map[string]methods.Method{
		"clip": clip(false, 4), "clip, features as they are": clip(false, 0), "lit": clip(true, 0),
		"align":           &crossmodal.ALIGN{Pairing: towers(0), Smoothing: 0.1},
		"siglip":          &crossmodal.SigLIP{Pairing: towers(4), Scale: 3, Bias: -1},
		"slip":            &crossmodal.SLIP{Pairing: towers(4), Base: simclr, Weight: 0.7},
		"language_guided": &crossmodal.LanguageGuided{Projector: []int{5, 4}, Temperature: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node { return build(s, m, 4).Loss() }, nil, 8, 2e-5)
		})
	}
}

// SLIP's loss of given embeddings is the authors'.
func TestGoldenSLIP(t *testing.T) {
	f := golden.Load(t, "multimodal/slip")
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		cosines := losses.Cosines(c.Scope, c.In("image_embed", golden.Same), c.In("text_embed", golden.Same))
		clip := losses.Matching(c.Scope, op.Scale(cosines, golden.Param[float64](t, f, "logit_scale")), 0)
		ssl := losses.NTXent(c.Scope, op.Concat(0, c.In("aug1_embed", golden.Same), c.In("aug2_embed", golden.Same)),
			golden.Param[float64](t, f, "ssl_temperature"))
		c.Out("clip", clip, golden.Same)
		c.Out("ssl", ssl, golden.Same)
		c.Out("loss", op.Add(clip, op.Scale(ssl, golden.Param[float64](t, f, "ssl_scale"))), golden.Same)
	})
}

// SLIP's terms are those of its parts, the base's as heavy as weight says; the image of the captions is a view of its
// own.
func TestSLIPAddsUp(t *testing.T) {
	simclr := &contrastive.SimCLR{Projector: []int{5, 4}, Temperature: 0.5}
	m := &crossmodal.SLIP{Pairing: towers(4), Weight: 0.25,
		Base: overlay.Choice[methods.Method]{Name: "simclr", Value: simclr}}
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		o := build(s, m, 4)
		if len(o.Terms) != 2 || o.Terms[0].Name != "clip" || o.Terms[0].Weight != 1 || o.Terms[1].Name != "ntxent" ||
			o.Terms[1].Weight != 0.25 || o.Encoder != "" {
			t.Errorf("terms %+v, want clip and a quarter of ntxent", o.Terms)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(m *crossmodal.SLIP){
		"lock": func(m *crossmodal.SLIP) { m.Lock = true },
		"base": func(m *crossmodal.SLIP) { m.Base.Name, m.Base.Value = "clip", clip(false, 4) },
	} {
		bad := *m
		if change(&bad); bad.Validate() == nil || !strings.Contains(bad.Validate().Error(), want) {
			t.Errorf("got %v, want %s refused", bad.Validate(), want)
		}
	}
}

// SigLIP's loss of given embeddings, scale and bias is open_clip's.
func TestGoldenSigLIP(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/siglip"), true, func(c *ongraph.Case) {
		logits := op.MatMul(c.In("image", golden.Same), c.In("text", golden.Same), false, true)
		logits = op.Add(op.Mul(logits, c.In("logit_scale", golden.Same)), c.In("logit_bias", golden.Same))
		c.Out("loss", crossmodal.Pairs(c.Scope, logits), golden.Same)
	})
}

// A locked image tower has no trained parameter, whatever is in it, and no head where dim is 0.
func TestLockedTower(t *testing.T) {
	for _, lock := range []bool{false, true} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			build(s, clip(lock, 0), 4)
			images := 0
			for _, p := range s.Params() {
				if name := s.Name(p); strings.HasPrefix(name, "backbone/") {
					images++
				} else if strings.HasPrefix(name, "image_head/") {
					t.Errorf("%s: want no head with dim = 0", name)
				}
			}
			if (images == 0) != lock {
				t.Errorf("lock = %v: %d parameters of the image tower are trained", lock, images)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A text tower that is none is named with its table.
func TestTextTower(t *testing.T) {
	m := clip(false, 4)
	m.Text = overlay.Choice[backbones.Backbone]{Name: "mlp", Value: backbones.DefaultMLP()}
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { build(s, m, 4) })
	if err == nil || !strings.Contains(err.Error(), "[method.clip.text.mlp]") {
		t.Errorf("got %v, want the table named", err)
	}
}
