package backbones_test

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
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// smallSpeech encodes windows of waves in few channels.
func smallSpeech(norm, steps string) *backbones.Wav2Vec2 {
	return &backbones.Wav2Vec2{Widths: []int{4, 6}, Kernels: []int{5, 3}, Strides: []int{4, 2}, Steps: steps,
		Bias: steps == "layer", Channels: 8, Depth: 2, Heads: 2, Hidden: 12, Kernel: 4, Groups: 2, Norm: norm}
}

// The convolutions with both norms: steps, loss and the gradient of every parameter.
func TestGoldenFeatureEncoders(t *testing.T) {
	for _, name := range []string{"audio/wav2vec2_feature_encoder_group_norm",
		"audio/wav2vec2_feature_encoder_layer_norm"} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, name)
			net := smallSpeech("post", "group")
			net.Widths, net.Kernels, net.Strides = nil, nil, nil
			for _, l := range golden.Param[[][3]int](t, f, "conv_layers") {
				net.Widths, net.Kernels, net.Strides = append(net.Widths, l[0]), append(net.Kernels, l[1]),
					append(net.Strides, l[2])
			}
			net.Bias = golden.Param[bool](t, f, "conv_bias")
			if golden.Param[string](t, f, "mode") == "layer_norm" {
				net.Steps = "layer"
			}
			wave := f.Inputs["wave"]
			in := backbones.Input{Shape: []int{wave.Shape[1], 1}}
			if err := net.Check(in); err != nil {
				t.Fatal(err)
			}
			names := strings.NewReplacer("conv_layers.", "", ".0.weight", "/conv/weight", ".0.bias", "/conv/bias",
				".2.1.",
				"/norm/", ".2.", "/norm/")
			model := ongraph.Model{F: f, Ours: func(name string) string { return "backbone/" + names.Replace(name) }}
			oneStep(t, f, model, func(s *graph.Scope) *graph.Node {
				z := net.Convolutions(s.In("backbone"), in)(s.Floats("wave", wave.Data, wave.Shape[0], wave.Shape[1],
					1))
				return op.Transpose(z, 0, 2, 1)
			})
		})
	}
}

// The convolution of positions, by its directions and gains.
func TestGoldenPositions(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "audio/wav2vec2_pos_conv"), true, func(c *ongraph.Case) {
		net := smallSpeech("post", "group")
		net.Kernel, net.Groups = golden.Param[int](t, c.F, "kernel"), golden.Param[int](t, c.F, "groups")
		net.Channels = c.F.Inputs["bias"].Shape[0]
		overTime := func(x golden.Tensor) golden.Tensor { return golden.Permute(x, 0, 2, 1) } // [B,T,C]
		c.As("position/direction", "weight_v", func(x golden.Tensor) golden.Tensor {
			y := golden.Permute(x, 2, 1, 0)
			y.Shape = []int{y.Shape[0], 1, y.Shape[1], y.Shape[2]}
			return y
		})
		c.As("position/gain", "weight_g", func(x golden.Tensor) golden.Tensor {
			return golden.Tensor{Shape: []int{x.Shape[2], 1, 1, 1}, Data: x.Data}
		})
		c.As("position/bias", "bias", golden.Same)
		c.Y(net.Positions(c.Scope.In("position"))(c.In("x", overTime)), overTime)
	})
}

// The gradient through the whole encoder in float64, in each of its forms.
func TestWav2Vec2Gradients(t *testing.T) {
	for name, net := range map[string]*backbones.Wav2Vec2{
		"base": smallSpeech("post", "group"), "large": smallSpeech("pre", "layer"),
	} {
		t.Run(name, func(t *testing.T) {
			net.Normalize = name == "large"
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				y := net.New(s, backbones.Input{Shape: []int{50, 2}})(s.Param("x", graph.Normal(1), 2, 50, 2))
				return op.SumAll(op.Mul(y, op.Sin(op.Affine(y, 2, 1))))
			}, nil, 6, 2e-5)
		})
	}
}

// Steps are numbered by the samples they come from; keys that are not there are not seen, and mask tokens change what
// is around them; features of a normalised window do not depend on its loudness.
func TestWav2Vec2Parts(t *testing.T) {
	net, in := smallSpeech("pre", "layer"), backbones.Input{Shape: []int{50, 1}}
	net.Normalize = true
	x := make([]float64, 50)
	for i := range x {
		x[i] = math.Sin(float64(i * i))
	}
	loud := make([]float64, 50)
	for i := range x {
		loud[i] = 7*x[i] + 1
	}
	g, err := graph.Build(graph.Options{DType: ir.F32}, func(s *graph.Scope) {
		e := net.NewSpeech(s, in)
		if e.Hop != 8 || e.Width != 6 || e.Rows != 5 || e.Dim != 8 {
			t.Errorf("%d steps of %d channels every %d samples, tokens of %d; want 5, 6, 8, 8", e.Rows, e.Width,
				e.Hop, e.Dim)
		}
		wave := s.Floats("x", x, 1, 50, 1)
		tokens := e.Embed(wave)
		keys := s.Floats("keys", []float64{1, 1, 1, 0, 0}, 1, 5)
		other := op.Add(tokens, op.Mul(s.Floats("jump", []float64{0, 0, 0, 5, 5}, 1, 5, 1), s.Constant(1)))
		s.Output("there", op.Slice(e.Among(tokens, keys), 1, 0, 3))
		s.Output("still", op.Slice(e.Among(other, keys), 1, 0, 3))
		s.Output("all", op.Slice(e.Encode(other), 1, 0, 3))
		s.Output("y", net.New(s, in)(wave))
		s.Output("loud", net.New(s, in)(s.Floats("loud", loud, 1, 50, 1)))
		s.Output("mean", e.Pool(e.Encode(tokens)))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	near := func(a, b string) bool {
		x, y := ongraph.Read(t, p, a), ongraph.Read(t, p, b)
		for i := range x {
			if math.Abs(x[i]-y[i]) > 1e-4 {
				return false
			}
		}
		return true
	}
	if !near("there", "still") || near("there", "all") {
		t.Error("steps that are not there are seen, or those that are there are not")
	}
	if !near("y", "loud") || !slices.Equal(ongraph.Read(t, p, "y"), ongraph.Read(t, p, "mean")) {
		t.Error("features depend on the loudness, or are not the mean of the contexts")
	}
}

func TestWav2Vec2Errors(t *testing.T) {
	waves := backbones.Input{Shape: []int{50, 1}}
	for want, c := range map[string]struct {
		change func(w *backbones.Wav2Vec2)
		in     backbones.Input
	}{
		"a wav2vec2 encodes waves": {func(*backbones.Wav2Vec2) {}, backbones.Pixels(8, 8, 1)},
		"convolution 1 sees 3 steps, and 1 of a window of 5 samples reach it": {func(*backbones.Wav2Vec2) {},
			backbones.Input{Shape: []int{5, 1}}},
		"widths: [4]: want 2 numbers":       {func(w *backbones.Wav2Vec2) { w.Widths = []int{4} }, waves},
		"strides: [4]: want 2 numbers":      {func(w *backbones.Wav2Vec2) { w.Strides = []int{4} }, waves},
		"groups: 3: want a divisor":         {func(w *backbones.Wav2Vec2) { w.Groups = 3 }, waves},
		"heads: 3: want a divisor":          {func(w *backbones.Wav2Vec2) { w.Heads = 3 }, waves},
		`norm: "none": want "pre" or`:       {func(w *backbones.Wav2Vec2) { w.Norm = "none" }, waves},
		`step_norm: "batch": want "group"`:  {func(w *backbones.Wav2Vec2) { w.Steps = "batch" }, waves},
		"want numbers of at least their st": {func(w *backbones.Wav2Vec2) { w.Kernels = []int{3, 3} }, waves},
	} {
		net := smallSpeech("post", "group")
		c.change(net)
		if err := net.Check(c.in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := backbones.DefaultWav2Vec2().Check(backbones.Input{Shape: []int{16000, 1}}); err != nil {
		t.Error(err)
	}
}
