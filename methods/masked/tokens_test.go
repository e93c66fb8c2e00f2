package masked

import (
	"fmt"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// TestGoldenDVAE compares a training step with the public code.
func TestGoldenDVAE(t *testing.T) {
	f := golden.Load(t, "mim/dvae")
	param := func(key string) int { return golden.Param[int](t, f, key) }
	if param("num_resnet_blocks") != 0 || golden.Param[bool](t, f, "smooth_l1_loss") || golden.Param[bool](t, f,
		"straight_through") {
		t.Skip("residual blocks, smooth L1 and hard tokens are not here")
	}
	hidden, layers := param("hidden_dim"), param("num_layers")
	m := &DVAE{Vocabulary: param("num_tokens"), Code: param("codebook_dim")}
	for range layers {
		m.Widths = append(m.Widths, hidden)
	}
	names := strings.NewReplacer("codebook.weight", "codebook", fmt.Sprintf("encoder.%d", layers), "tokens",
		fmt.Sprintf("decoder.%d", layers), "decoder/paint", ".0.weight", "/weight", ".0.bias", "/bias", ".", "/")
	x, noise := golden.Image(f.Inputs["img"]), golden.Image(f.Inputs["gumbel"])
	model := ongraph.Model{F: f, Ours: names.Replace, AsIs: []string{"codebook.weight"}}
	trainingStep(t, model, func(s *graph.Scope) map[string]*graph.Node {
		images := op.Affine(s.State("img", ongraph.Hold(x), x.Shape...), 2, -1)
		y, from := images, x.Shape[3]
		for i := range layers {
			y = op.Relu(layer.Conv2D{In: from, Out: hidden, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2},
				Pad: [2]int{1, 1}, Bias: true}.New(s.In("encoder").In(fmt.Sprint(i)))(y))
			from = hidden
		}
		at := op.ShapeOf(y)
		logits := m.logits(s, from)(rowsOf(y))
		gumbel := rowsOf(s.State("gumbel", ongraph.Hold(noise), noise.Shape...))
		soft := m.relax(logits, gumbel, s.Constant(golden.Param[float64](t, f, "temperature")))
		painted := m.paint(s, soft, at, x.Shape)
		kl := Unevenness(logits)
		channels := op.Transpose(painted, 0, 3, 1, 2)
		loss := losses.MSE(painted, images)
		return map[string]*graph.Node{
			"reconstruction": loss, "kl_sum": kl,
			"loss":   op.Add(loss, op.Scale(kl, golden.Param[float64](t, f, "kl_div_loss_weight"))),
			"logits": op.Transpose(likeMap(logits, at), 0, 3, 1, 2), "codes": op.Argmax(logits),
			"recon_first96": op.Slice(op.Reshape(op.Affine(channels, 1, 0), -1), 0, 0, 96),
		}
	})
}

// TestGoldenTokens compares codebooks and BEiT's loss with the papers' formulas and the authors' code.
func TestGoldenTokens(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "mim/vqvae_ema"), true, func(c *ongraph.Case) {
		z, codebook := c.In("z", golden.Same), c.In("codebook", golden.Same)
		codes := nearestCode(z, codebook)
		q := op.Gather(op.StopGradient(codebook), codes)
		through := straight(z, q)
		near := commitment(z, q, golden.Param[float64](t, c.F, "beta"))
		c.Out("indices", codes, golden.Same)
		c.Out("quantized", through, golden.Same)
		c.Out("commitment", commitment(z, q, 1), golden.Same) // the file's is without beta
		dy := c.F.Inputs["grad_output"]
		c.Out("loss", op.Add(op.SumAll(op.Mul(through, c.State("dy", ongraph.Hold(dy), dy.Shape...))), near),
			golden.Same)
		k := op.ShapeOf(codebook)[0]
		c.Out("perplexity", perplexity(c.Scope, codes, k), golden.Same)
		next := Codebook{Counts: c.In("ema_cluster_size", golden.Same), Sums: c.In("ema_sum", golden.Same),
			Decay: golden.Param[float64](t, c.F, "decay"), Eps: golden.Param[float64](t, c.F, "eps")}.Next(c.Scope, z,
			codes)
		c.Out("ema_cluster_size_after", next.Counts, golden.Same)
		c.Out("ema_sum_after", next.Sums, golden.Same)
		c.Out("codebook_after", next.Codes(), golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/beit2_norm_ema_vq"), true, func(c *ongraph.Case) {
		codebook, given := c.In("codebook", golden.Same), c.In("z", golden.Image)
		at := op.ShapeOf(given)
		z := op.Normalize(rowsOf(given), losses.Eps)
		codes := nearestCode(z, codebook)
		q := op.Gather(op.StopGradient(codebook), codes)
		through := likeMap(straight(z, q), at)
		near := commitment(z, q, golden.Param[float64](t, c.F, "beta"))
		c.Out("indices", codes, golden.Same)
		c.Out("quantized", through, golden.Image)
		c.Out("commitment", near, golden.Same)
		dy := golden.Image(c.F.Inputs["grad_output"])
		c.Out("loss", op.Add(op.SumAll(op.Mul(through, c.State("dy", ongraph.Hold(dy), dy.Shape...))), near),
			golden.Same)
		c.Out("codebook_after", nextDirections(c.Scope, codebook, z, codes, golden.Param[float64](t, c.F, "decay")),
			golden.Same)
	})
	ongraph.Check(t, golden.Load(t, "mim/beit_loss"), true, func(c *ongraph.Case) {
		in := c.F.Inputs["codes"]
		loss, right := (&BEiT{}).loss(c.In("logits", golden.Same), op.Reshape(c.Ints("codes"), in.Shape...),
			c.In("mask", golden.Same))
		c.Out("loss", loss, golden.Same)
		c.Out("accuracy", right, golden.Same)
	})
}

var smallConv = &backbones.ConvNet{Widths: []int{4}}

// lent tells a method of a run on the images of the tests.
func lent(t *testing.T, to, of methods.Method, net backbones.Backbone) methods.Method {
	t.Helper()
	if err := to.(methods.Borrower).Lend("x", methods.Lent{Method: of, Backbone: net,
		Input: backbones.Pixels(8, 8, 1)}); err != nil {
		t.Fatal(err)
	}
	return to
}

// The gradient of tokenizers and of what learns from them and from teachers, against central differences. What goes
// straight through a code has a gradient that differences do not see.
func TestTokenGradients(t *testing.T) {
	dvae := &DVAE{Vocabulary: 5, Code: 3, Widths: []int{4}, Temperature: [2]float64{0.8, 0.8}, KL: 0.1}
	vq := &VQVAE{Vocabulary: 5, Code: 3, Widths: []int{4}, Beta: 0.25, Decay: 0.9}
	vqkd := lent(t, &VQKD{Vocabulary: 5, Code: 3, Beta: 1, Decay: 0.9, Depth: 1, Heads: 2}, vq, fourByFour)
	for name, c := range map[string]struct {
		m      methods.Method
		net    backbones.Backbone
		scopes []string
	}{
		"dvae":          {dvae, smallConv, nil},
		"vqvae":         {vq, smallConv, []string{"decoder"}},
		"vqkd":          {vqkd, fourByFour, []string{"decoder"}},
		"beit":          {lent(t, &BEiT{Mask: 0.4, Smallest: 2}, dvae, smallConv), fourByFour, nil},
		"beit of vqvae": {lent(t, &BEiT{Mask: 0.4, Smallest: 2}, vq, smallConv), fourByFour, nil},
		"beit of vqkd":  {lent(t, &BEiT{Mask: 0.4, Smallest: 2}, vqkd, fourByFour), fourByFour, nil},
		"eva":           {lent(t, &EVA{Mask: 0.4, Smallest: 2}, vq, fourByFour), fourByFour, nil},
		"dbot": {lent(t, &DBOT{Mask: 0.75, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, Beta: 2}, vq,
			fourByFour), fourByFour, nil},
		"dbot at random": {&DBOT{Mask: 0.75, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, Beta: 2}, fourByFour,
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, methodtest.Images(8, 8, 1))
				loss := c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
				for _, p := range s.Params() {
					if name := s.Name(p); strings.HasPrefix(name, tokenizerScope+"/") || strings.HasPrefix(name,
						teacherScope+"/") {
						t.Errorf("%s is trained", name)
					}
				}
				return loss
			}, nil, 4, 5e-5, c.scopes...)
		})
	}
}

// What a run must be to be a tokenizer.
func TestTokenizerErrors(t *testing.T) {
	vq := &VQVAE{Vocabulary: 5, Code: 3, Widths: []int{4}}
	in := backbones.Pixels(8, 8, 1)
	build := func(m *BEiT, in backbones.Input, net backbones.Backbone) error {
		if err := m.Lend("tokenizer", methods.Lent{Method: vq, Backbone: net, Input: in}); err != nil {
			return err
		}
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, methodtest.Images(8, 8, 1))
			m.Build(s, methods.EncoderOf(fourByFour, b.Of("view0")), b)
		})
		return err
	}
	m := func() *BEiT { return &BEiT{Mask: 0.4, Smallest: 2} }
	six := m()
	six.Vocabulary = 6
	for _, c := range []struct {
		err  error
		want string
	}{
		{build(m(), in, smallConv), ""},
		{build(six, in, smallConv), "has 5 tokens, vocabulary = 6"},
		{build(m(), backbones.Pixels(12, 12, 1), smallConv), "trained on images of 12x12x1, the views are 8x8x1"},
		{build(m(), in, &backbones.ConvNet{Widths: []int{4, 4}}), "gives 2x2 tokens of an image, the encoder has 4x4"},
		{m().Lend("tokenizer", methods.Lent{Method: DefaultMAE()}), "names no tokens"},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}
