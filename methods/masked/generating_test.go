package masked

import (
	"math"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// The losses of MaskGIT and of the context encoder against the authors' formulas.
func TestGoldenGenerating(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "mim/maskgit_loss"), true, func(c *ongraph.Case) {
		in := c.F.Inputs["tokens"]
		logits, ids := c.In("logits", golden.Same), op.Reshape(c.Ints("tokens"), in.Shape...)
		smoothing := golden.Param[float64](t, c.F, "label_smoothing")
		c.Out("per_token", smoothedEach(logits, ids, smoothing), golden.Same)
		c.Out("loss", smoothedLoss(logits, ids, c.In("mask", golden.Same), smoothing), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/context_encoder"), true, func(c *ongraph.Case) {
		share := golden.Param[float64](t, c.F, "wtl2") // of squares, which the file's terms have in them
		m := &ContextEncoder{Overlap: golden.Param[int](t, c.F, "overlap"),
			Weight: golden.Param[float64](t, c.F, "overlap_weight")}
		squares := op.Scale(m.squares(c.Scope, c.In("pred", golden.Image), c.In("target", golden.Image)), share)
		p := c.In("disc_prob", golden.Same)
		fooling := Fooling(op.Sub(op.Log(p), op.Log(op.Affine(p, -1, 1))))
		c.Out("weighted_l2", squares, golden.Same)
		c.Out("adversarial", fooling, golden.Same)
		c.Out("loss", op.Add(squares, op.Scale(fooling, 1-share)), golden.Same)
		n := c.F.Outputs["weights"].Shape
		c.Out("weights", c.Floats("expected", border(n[0], n[1], m.Overlap, m.Overlap, n[0]-m.Overlap,
			n[1]-m.Overlap, share, share*m.Weight), n...), golden.Same)
	})
}

// One step of parallel decoding against the authors' formulas.
func TestGoldenDecoding(t *testing.T) {
	f := golden.Load(t, "mim/maskgit_decode_step")
	mask := golden.Param[int](t, f, "mask_token_id")
	in := f.Inputs["tokens"]
	unknown := golden.Tensor{Shape: in.Shape, Data: make([]float64, len(in.Data))}
	now := 0
	for i, v := range in.Data {
		if int(v) == mask {
			unknown.Data[i] = 1
			now++
		}
	}
	start := golden.Param[[]int](t, f, "unknown_at_start")
	d := decoding{step: golden.Param[int](t, f, "step"), of: golden.Param[int](t, f, "num_iter"),
		choice: golden.Param[float64](t, f, "choice_temperature"), start: start[0], unknown: now / in.Shape[0]}
	golden.Compare(t, "mask_len", []float64{float64(d.hidden()), float64(d.hidden())}, f.Outputs["mask_len"], 0)
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		hidden := c.State("unknown", ongraph.Hold(unknown), in.Shape...)
		sampled, again, p := d.next(op.Reshape(c.Ints("tokens"), in.Shape...), hidden, c.In("logits", golden.Same),
			c.In("gumbel_sample", golden.Same), c.In("gumbel_choice", golden.Same))
		c.Out("sampled", sampled, golden.Same)
		c.Out("selected_probs", op.Mul(p, hidden), golden.Same)
		c.Out("remask", again, golden.Same)
	})
}

// The gradient of the methods that make images or go through them in order, against central differences.
func TestGeneratingGradients(t *testing.T) {
	colour := methods.Data{Samples: 10, Classes: 3, Maker: methodtest.Fields{{Name: "view", Shape: []int{8, 8, 1},
		Low: []float32{-3}, High: []float32{3}}}}
	vq := &VQVAE{Vocabulary: 5, Code: 3, Widths: []int{4}, Beta: 0.25, Decay: 0.9}
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
	}{
		"maskgit": {lent(t, &MaskGIT{Smoothing: 0.1, Shown: 2, Iterations: 3, Choice: 4.5}, vq, smallConv), fourByFour},
		"aim":     {&Autoregressive{Target: "patches", Prefix: true, Levels: 8, Hidden: []int{6}}, fourByFour},
		"igpt":    {&Autoregressive{Target: "colours", Levels: 4}, fourByFour},
		"context encoder without an adversary": {&ContextEncoder{Hole: 0.5, Overlap: 1, Weight: 10, Code: 4,
			Widths: []int{4}}, smallConv},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, colour)
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 4, 5e-5)
		})
	}
	adversary := &ContextEncoder{Hole: 0.5, Overlap: 1, Weight: 10, Adversarial: 0.3, Code: 4, Widths: []int{4},
		Hidden: 5}
	for i, scopes := range [][]string{{"discriminator"}, {"backbone", "code", "decoder"}} {
		t.Run("context encoder: "+scopes[0], func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, colour)
				o := adversary.Build(s, methods.EncoderOf(smallConv, b.Of("view0")), b)
				loss := o.Players[i].Loss()
				return loss
			}, nil, 4, 5e-5, scopes...)
		})
	}
}

// Parallel decoding knows more with every step, down to one token that is not, and what it makes are images.
func TestDecodingEnds(t *testing.T) {
	left := 49
	for i := range 8 {
		now := decoding{step: i, of: 8, start: 49, unknown: left}.hidden()
		if now >= left || now < 1 {
			t.Fatalf("step %d: %d of %d tokens are unknown", i, now, left)
		}
		left = now
	}
	if left != 1 {
		t.Errorf("%d tokens are unknown at the end, want 1", left)
	}
}

// A patch is told from those before it and those of the prefix alone.
func TestOrder(t *testing.T) {
	const n = 16
	m := DefaultAIM()
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		prefix := s.Floats("prefix", []float64{0.5, 4.5}, 2, 1)
		s.Output("bias", m.bias(s, prefix, s.Floats("order", counting(n), 1, n), n))
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
	for i, v := range ongraph.Read(t, p, "bias") {
		b, q, k := i/n/n, i/n%n, i%n
		open := k <= q || b == 1 && k <= 4 || b == 0 && k == 0
		if (v == 0) != open {
			t.Errorf("image %d: query %d and key %d: bias %v", b, q, k, v)
		}
	}

	// the encoder: other pixels in a later patch change nothing before it
	g, err = graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 1, methodtest.Images(8, 8, 1))
		e := methods.EncoderOf(fourByFour, b.Of("view0")).Tokens(s)
		none := op.Reshape(s.Constant(0), 1, 1)
		s.Output("y", e.Masked(e.Embed(b.View(0)), layer.Mask{Bias: m.bias(s, none, s.Floats("order", counting(n), 1,
			n), n)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = g.Compile(cpu.Backend{}, graph.NewStore(1)); err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("view0")
	if err != nil {
		t.Fatal(err)
	}
	optest.Fill(x, "view0")
	read := func() []float64 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return ongraph.Read(t, p, "y")
	}
	before := read()
	x.F32[5*8+3] += 10 // row 2, column 1 of the patches: number 9
	for i, v := range read() {
		if changed := math.Abs(v-before[i]) > 1e-6; changed && i/8 < 9 {
			t.Fatalf("token %d sees a patch after it", i/8)
		} else if i/8 == 9 && i%8 == 0 && !changed {
			t.Error("a token does not see its own patch")
		}
	}
}
