package origins

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// Colorization and split-brain autoencoders against the formulas of the papers, worked out by code of others.
func TestGoldenColours(t *testing.T) {
	golden.Each(t, "origins", map[string]func(c *ongraph.Case){
		"colorization_rebalanced": func(c *ongraph.Case) {
			logits, centres := c.In("logits", golden.Same), c.In("centres", golden.Same)
			nearest := golden.Param[float64](t, c.F, "neighbours")
			soft := SoftCells(c.In("ab", golden.Same), centres, int(nearest), golden.Param[float64](t, c.F, "sigma"))
			c.Out("soft_encoding", soft, golden.Same)
			weights := RareWeights(c.In("prior", golden.Same), 1-golden.Param[float64](t, c.F, "gamma"),
				golden.Param[float64](t, c.F, "alpha"))
			c.Out("class_weights", weights, golden.Same)
			of := op.Reshape(op.Gather(op.Reshape(weights, -1, 1), op.Argmax(soft)), -1)
			c.Out("pixel_weights", of, golden.Same)
			c.Out("annealed_mean", Annealed(logits, centres, golden.Param[float64](t, c.F, "annealed_temperature")),
				golden.Same)
			c.Out("argmax_ab", op.Gather(centres, op.Argmax(logits)), golden.Same)
			c.Out("loss", op.MeanAll(Rebalanced(logits, op.StopGradient(soft), op.StopGradient(weights))), golden.Same)
		},
		"split_brain": func(c *ongraph.Case) {
			colour := op.MeanAll(op.CrossEntropy(c.In("logits_ab", golden.Same), c.Ints("ab_bin"), 0))
			luma := op.MeanAll(op.CrossEntropy(c.In("logits_l", golden.Same), c.Ints("l_bin"), 0))
			regressed := HalfSquares(c.In("pred_ab", golden.Same), op.StopGradient(c.In("ab", golden.Same)))
			c.Out("ab_from_l", colour, golden.Same)
			c.Out("l_from_ab", luma, golden.Same)
			c.Out("l2_variant", regressed, golden.Same)
			c.Out("loss", op.Sum(colour, op.Scale(luma, golden.Param[float64](t, c.F, "weight_l")), regressed),
				golden.Same)
		},
	}, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) { ongraph.Check(t, f, true, build) })
}

// sized is views of a shape between two values.
func sized(low, high float32, shape ...int) methods.Data {
	f := feed.Field{Name: "view", Shape: shape}
	for range shape[len(shape)-1] {
		f.Low, f.High = append(f.Low, low), append(f.High, high)
	}
	return methodtest.Data(f)
}

// built is a method's objective for a batch of four.
func built(s *graph.Scope, m methods.Method, net backbones.Backbone, d methods.Data) methods.Objective {
	b := methods.NewBatch(s, 4, d)
	return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
}

// net is a small convnet.
func net() *backbones.ConvNet { return &backbones.ConvNet{Widths: []int{4, 5}} }

func tower(n backbones.Backbone) overlay.Choice[backbones.Backbone] {
	return overlay.Choice[backbones.Backbone]{Name: "convnet", Value: n}
}

// colourNets are small encoders of luminance, and of luminance and colour.
func colourNets() (luma, both backbones.Backbone) {
	return &backbones.Luma{Tower: tower(net()), Space: "lab"}, &backbones.LumaChroma{Tower: tower(net()), Space: "lab"}
}

// Every loss by the parameters that it trains, against central differences in float64.
func TestAutoencoderGradients(t *testing.T) {
	luma, both := colourNets()
	grey, colour := sized(-1, 2, 7, 5, 2), sized(-1, 1, 8, 8, 3)
	noise := func(kind string, intact float64) methods.Method {
		return &Autoencoder{Widths: []int{4, 3}, Code: 3, Noise: kind, Amount: 0.3, Intact: intact}
	}
	for name, c := range map[string]struct {
		m    methods.Method
		net  backbones.Backbone
		data methods.Data
	}{
		"autoencoder":      {&Autoencoder{Widths: []int{4, 3}, Noise: "none", Intact: 1}, net(), grey},
		"gaussian":         {noise("gaussian", 1), net(), grey},
		"pixels":           {noise("pixels", 0.5), net(), grey},
		"blocks":           {noise("blocks", 0), net(), grey},
		"vae":              {&VAE{Latent: 3, Widths: []int{4}, Beta: 2, Likelihood: "bernoulli"}, net(), grey},
		"gaussian vae":     {&VAE{Latent: 3, Widths: []int{4}, Beta: 1, Likelihood: "gaussian"}, net(), grey},
		"layers":           {&LayerwiseAutoencoder{}, &backbones.DBN{Widths: []int{4}}, sized(0, 1, 3, 2, 1)},
		"layers and noise": {&LayerwiseAutoencoder{Noise: 0.4}, &backbones.DBN{Widths: []int{4}}, sized(0, 1, 3, 2, 1)},
		"colorization": {&Colorization{Widths: []int{3}, Cell: 50, Nearest: 3, Sigma: 25, Uniform: 0.5, Anneal: 0.4},
			luma, colour},
		"classify": {&SplitBrain{Loss: "classify", Cell: 50, Levels: 3, Luma: 0.5}, both, colour},
		"regress":  {&SplitBrain{Loss: "regress", Cell: 50, Levels: 3, Luma: 0.5}, both, colour},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				return built(s, c.m, c.net, c.data).Loss()
			}, nil, 8, 2e-5)
		})
	}
	for _, kind := range []string{"adversarial", "matching", "complement"} {
		m := &GANFeatures{Latent: 3, Widths: []int{4}, Hidden: []int{6}, Generator: kind, PullAway: 0.5, Ceiling: 0,
			CeilingWeight: 2}
		for i, scopes := range [][]string{{"backbone", "logit"}, {"generator"}} {
			t.Run(kind+" "+scopes[0], func(t *testing.T) {
				optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
					return built(s, m, net(), grey).Players[i].Loss()
				}, nil, 8, 2e-5, scopes...)
			})
		}
	}
}

// evaluated is the values of nodes, in float64.
func evaluated(t *testing.T, build func(s *graph.Scope) map[string]*graph.Node) map[string][]float64 {
	t.Helper()
	var names []string
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		for name, n := range build(s) {
			names = append(names, name)
			s.Output(name, n)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	values := map[string][]float64{}
	for _, name := range names {
		values[name] = ongraph.Read(t, p, name)
	}
	return values
}

// near fails where a number is not within a share of what it should be.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got-want) <= share*math.Abs(want)+1e-9) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The divergence of normal distributions against the integral of its definition, and the likelihoods against plain
// loops.
func TestBound(t *testing.T) {
	mean, logVariance := []float64{0.3, -1.2, 0, 2}, []float64{0, -1.5, 0.7, 0.2}
	x, y := []float64{0, 1, 0.25, 0.5}, []float64{-2, 3, 0.5, 1}
	got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
		logits := s.Floats("y", y, 2, 1, 2, 1)
		pixels := s.Floats("x", x, 2, 1, 2, 1)
		return map[string]*graph.Node{
			"kl": NormalDivergence(s.Floats("m", mean, 2, 2), s.Floats("v", logVariance, 2, 2)),
			"b":  Bernoulli(logits, pixels), "g": Gaussian(logits, pixels),
		}
	})
	density := func(z, m, v float64) float64 { return math.Exp(-(z-m)*(z-m)/(2*v)) / math.Sqrt(2*math.Pi*v) }
	for i := range 2 {
		var kl, b, g float64
		for k := 2 * i; k < 2*i+2; k++ {
			m, v := mean[k], math.Exp(logVariance[k])
			const step = 1e-3
			for z := m - 12; z < m+12; z += step {
				if q := density(z, m, v); q > 0 {
					kl += step * q * math.Log(q/density(z, 0, 1))
				}
			}
			p := 1 / (1 + math.Exp(-y[k]))
			b -= x[k]*math.Log(p) + (1-x[k])*math.Log(1-p)
			g -= math.Log(density(x[k], y[k], 1))
		}
		near(t, "divergence", got["kl"][i], kl, 1e-5)
		near(t, "-log p of Bernoulli pixels", got["b"][i], b, 1e-5)
		near(t, "-log p of normal pixels", got["g"][i], g, 1e-5)
	}
}

// Noise hits the share of pixels that it is told to, leaves the others as they are, and the loss counts both as its
// weight says.
func TestNoise(t *testing.T) {
	const b, h, w = 8, 20, 20
	for _, kind := range []string{"pixels", "blocks"} {
		m := &Autoencoder{Noise: kind, Amount: 0.25, Intact: 0.5}
		got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
			batch := methods.NewBatch(s, b, sized(-1, 1, h, w, 2))
			x := batch.View(0)
			noisy, hit := m.noise(s, batch, x)
			painted := op.Affine(x, 0.5, 0.1)
			return map[string]*graph.Node{"x": x, "noisy": noisy, "hit": hit,
				"loss": emphasised(painted, x, hit, m.Intact), "all": emphasised(painted, x, hit, 1)}
		})
		var hits, sum, weights, all float64
		for i, on := range got["hit"] {
			hits += on
			for c := range 2 {
				x, noisy := got["x"][2*i+c], got["noisy"][2*i+c]
				near(t, kind+": a pixel", noisy, x*(1-on), 1e-6)
				weight := on + (1-on)*m.Intact
				square := (0.5*x + 0.1 - x) * (0.5*x + 0.1 - x)
				sum, weights, all = sum+weight*square, weights+weight, all+square
			}
		}
		if share := hits / (b * h * w); kind == "pixels" && math.Abs(share-0.25) > 5*math.Sqrt(0.25*0.75/(b*h*w)) {
			t.Errorf("noise hits %.3f of the pixels, want about 0.25", share)
		}
		near(t, kind+": loss", got["loss"][0], sum/weights, 1e-4)
		near(t, kind+": loss of all pixels alike", got["all"][0], all/(2*b*h*w), 1e-4)
	}
	got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
		batch := methods.NewBatch(s, b, sized(-1, 1, h, w, 2))
		x := batch.View(0)
		noisy, _ := (&Autoencoder{Noise: "gaussian", Amount: 0.3}).noise(s, batch, x)
		return map[string]*graph.Node{"e": op.Sub(noisy, x)}
	})
	var squares float64
	for _, e := range got["e"] {
		squares += e * e
	}
	near(t, "deviation of gaussian noise", math.Sqrt(squares/float64(len(got["e"]))), 0.3, 0.05)
}

// A layer's loss against plain loops, for what it sees without and with noise.
func TestGiveBack(t *testing.T) {
	noisy, v := []float64{0, 0.2, 1, 0.5, 0, 0.3}, []float64{0.1, 0.2, 1, 0.5, 0.7, 0.3}
	got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
		m := Machine{Units: backbones.NewUnits(s, 3, 2), Visible: s.Param("visible", graph.Normal(1), 3)}
		return map[string]*graph.Node{"w": m.Weight, "b": m.Visible, "c": m.Bias,
			"loss": m.GiveBack(s.Floats("noisy", noisy, 2, 3), s.Floats("v", v, 2, 3))}
	})
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	var want float64
	for row := range 2 {
		var y [2]float64
		for h := range y {
			total := got["c"][h]
			for i := range 3 {
				total += noisy[3*row+i] * got["w"][2*i+h]
			}
			y[h] = logistic(total)
		}
		for i := range 3 {
			p := logistic(got["b"][i] + y[0]*got["w"][2*i] + y[1]*got["w"][2*i+1])
			x := v[3*row+i]
			want -= (x*math.Log(p) + (1-x)*math.Log(1-p)) / 2
		}
	}
	near(t, "cross-entropy", got["loss"][0], want, 1e-5)
}

// The layers learn one after the other, and the loss of one reaches nothing of the others.
func TestLayersTakeTurns(t *testing.T) {
	if _, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		o := built(s, &LayerwiseAutoencoder{Noise: 0.2}, &backbones.DBN{Widths: []int{4, 3}}, sized(0, 1, 2, 2, 1))
		for i, term := range o.Terms {
			params := s.Params()
			for k, d := range s.Gradients(term.Value, params) {
				if name := s.Name(params[k]); (d != nil) != strings.Contains(name, fmt.Sprintf("/%d/", i)) {
					t.Errorf("layer %d: a gradient of %s: %v", i, name, d != nil)
				}
			}
		}
		for _, u := range o.Tune {
			first := u.Hold(graph.Time{Step: 0, Steps: 10}) == 0
			if last := u.Hold(graph.Time{Step: 9, Steps: 10}) == 0; first == last ||
				first != strings.HasSuffix(u.Scope, "/0") {
				t.Errorf("%s learns in the first step: %v, in the last: %v", u.Scope, first, last)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// What a generator is trained for, against plain loops.
func TestGeneratorLosses(t *testing.T) {
	a, b := []float64{1, 2, -1, 0.5, 3, 1}, []float64{0, 1, 2, 2, -1, 0.5} // [3,2]
	got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
		return map[string]*graph.Node{"match": Matching(s.Floats("a", a, 3, 2), s.Floats("b", b, 3, 2)),
			"away": PullAway(s.Floats("a", a, 3, 2))}
	})
	var match, away float64
	for k := range 2 {
		var d float64
		for i := range 3 {
			d += (a[2*i+k] - b[2*i+k]) / 3
		}
		match += d * d
	}
	for i := range 3 {
		for j := range 3 {
			if i != j {
				dot := a[2*i]*a[2*j] + a[2*i+1]*a[2*j+1]
				away += dot * dot / (a[2*i]*a[2*i] + a[2*i+1]*a[2*i+1]) / (a[2*j]*a[2*j] + a[2*j+1]*a[2*j+1]) / 6
			}
		}
	}
	near(t, "distance of the means", got["match"][0], match, 1e-5)
	near(t, "pull-away", got["away"][0], away, 1e-5)
}

// The cells of colours: grey is in the middle of one, those of all of sRGB are there, and no others.
func TestCells(t *testing.T) {
	cells := abCells(10)
	want := map[[2]float64]bool{}
	for i := range 52 * 52 * 52 {
		lab := layer.LabOf([3]float64{float64(i%52) / 51, float64(i/52%52) / 51, float64(i/52/52) / 51})
		want[[2]float64{10 * math.Round(lab[1]/10), 10 * math.Round(lab[2]/10)}] = true
	}
	if n := len(cells) / 2; n < len(want) || n > len(want)+2 { // the faces are looked at more closely
		t.Errorf("there are %d cells of side 10; the colours of sRGB lie in %d", n, len(want))
	}
	for i := 0; i < len(cells); i += 2 {
		delete(want, [2]float64{cells[i], cells[i+1]})
	}
	if len(want) > 0 {
		t.Errorf("no cell is at %v, where there are colours", want)
	}
	found := false
	for i := 0; i < len(cells); i += 2 {
		found = found || cells[i] == 0 && cells[i+1] == 0
	}
	if !found {
		t.Error("grey, (0, 0), is not the centre of a cell")
	}
	if v := levels(4); !slices.Equal(v, []float64{12.5, 37.5, 62.5, 87.5}) {
		t.Errorf("the middles of 4 levels are %v", v)
	}
}

// A network that sees luminance alone gives colours of one luminance the same features, and a picture painted in the
// right colours is the image.
func TestLumaIsColourless(t *testing.T) {
	luma, _ := colourNets()
	m := &Colorization{Cell: 10, Nearest: 1, Sigma: 5, Uniform: 0.5, Anneal: 0.01}
	pixels := make([]float64, 4*8*8*3)
	for i := range pixels {
		pixels[i] = []float64{0.8, -0.4, 0.1}[i%3] // one colour, from -1 to 1
	}
	got := evaluated(t, func(s *graph.Scope) map[string]*graph.Node {
		b := methods.NewBatch(s, 4, sized(-1, 1, 8, 8, 3))
		enc, x := methods.EncoderOf(luma, b.Of("view0")), s.Floats("x", pixels, 4, 8, 8, 3)
		lab := labOf(s, b, x, 8, 8) // [N,3]
		centres := op.Slice(lab, 1, 1, 3)
		grey := op.Reshape(op.Concat(1, op.Slice(lab, 1, 0, 1), op.Scale(centres, 0)), 4, 8, 8, 3)
		at := s.In("colours")
		in := methods.InputOf(b.Of("view0"))
		other := in.FromUnit(at, layer.FromLab(at, grey))
		one := op.Slice(centres, 0, 0, 1) // the colour is a cell of its own
		logits := s.Floats("logits", make([]float64, 4*4*4), 4*4*4, 1)
		return map[string]*graph.Node{"of colour": enc.New(s)(x), "of grey": enc.New(s)(other), "x": x, "other": other,
			"painted": m.picture(s, b, other, logits, one, 4, 4)}
	})
	for i, v := range got["of grey"] {
		near(t, "feature of the grey image", v, got["of colour"][i], 1e-3)
	}
	for i, v := range got["painted"] {
		near(t, "the painted image", v, got["x"][i], 1e-3)
	}
	if got["other"][0] != got["other"][1] && math.Abs(got["other"][0]-got["other"][1]) > 1e-4 {
		t.Errorf("the grey image has the colour %v", got["other"][:3])
	}
}

// Data, backbones and settings that do not fit are told with what would be right.
func TestAutoencodersRefuse(t *testing.T) {
	luma, both := colourNets()
	for _, c := range []struct {
		m    methods.Method
		net  backbones.Backbone
		data methods.Data
		want string
	}{
		{DefaultAutoencoder(), net(), methodtest.Images(8, 8, 1), "generates images between black and white"},
		{DefaultVAE(), net(), sized(0, 1, 12, 1, 1), "too small to be halved 2 times"},
		{DefaultLayerwiseAutoencoder(), net(), sized(0, 1, 8, 8, 1), "want a backbone of them, such as " +
			"[backbone.dbn]"},
		{DefaultColorization(), net(), sized(0, 1, 8, 8, 3), "choose [backbone.luma]"},
		{DefaultColorization(), luma, sized(0, 1, 8, 8, 1), "want images of red, green and blue"},
		{&Colorization{Widths: []int{4, 4}, Cell: 10, Nearest: 1, Sigma: 1, Anneal: 1}, luma, sized(0, 1, 8, 8, 3),
			"3 doublings make it larger than the view of 8x8"},
		{&Colorization{Cell: 50, Nearest: 99, Sigma: 1, Anneal: 1}, luma, sized(0, 1, 8, 8, 3), "nearest = 99"},
		{DefaultSplitBrain(), luma, sized(0, 1, 8, 8, 3), "choose [backbone.luma_chroma]"},
		{DefaultSplitBrain(), both, methodtest.Images(8, 8, 3), "want images of red, green and blue"},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { built(s, c.m, c.net, c.data) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %q", c.m, err, c.want)
		}
	}
	for want, m := range map[string]methods.Method{
		"":               DefaultSplitBrain(),
		"noise":          &Autoencoder{Widths: []int{4}, Noise: "salt", Amount: 1, Intact: 1},
		"intact":         &Autoencoder{Widths: []int{4}, Noise: "none"},
		"amount":         &Autoencoder{Widths: []int{4}, Noise: "blocks", Amount: 1, Intact: 1},
		"likelihood":     &VAE{Latent: 1, Widths: []int{4}},
		"beta":           &VAE{Latent: 1, Widths: []int{4}, Beta: -1, Likelihood: "gaussian"},
		"noise: 1":       &LayerwiseAutoencoder{Noise: 1},
		"generator":      &GANFeatures{Latent: 1, Widths: []int{4}},
		"amount: 1":      &Autoencoder{Widths: []int{4}, Noise: "none", Amount: 1, Intact: 1},
		"amount: 0":      &Autoencoder{Widths: []int{4}, Noise: "gaussian", Intact: 1},
		"ceiling: -1":    &GANFeatures{Latent: 1, Widths: []int{4}, Generator: "complement", Ceiling: -1},
		"ceiling_weight": &GANFeatures{Latent: 1, Widths: []int{4}, Generator: "complement", CeilingWeight: -1},
		"cell":           &Colorization{Cell: 1, Nearest: 1, Sigma: 1, Anneal: 1},
		"sigma":          &Colorization{Cell: 10, Nearest: 1, Anneal: 1},
		"loss":           &SplitBrain{Cell: 10, Levels: 2},
		"levels":         &SplitBrain{Cell: 10, Levels: 1, Loss: "classify"},
	} {
		if err := m.Validate(); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error of %q", m, err, want)
		}
	}
}
