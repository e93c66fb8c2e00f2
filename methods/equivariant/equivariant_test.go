package equivariant

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/methods/correlation"
	"selfsup/methods/distillation"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// data are small views and what was drawn for them, all of which differs between views but what still is named.
func data(still ...string) methods.Data {
	params := feed.Field{Name: "params"}
	for _, name := range []string{"crop_top", "crop_left", "crop_height", "crop_width", "flip", "vertical_flip",
		"brightness", "contrast", "saturation", "hue", "blur", "quarter_turns", "solarize"} {
		r := 1.0
		for _, s := range still {
			if s == name {
				r = 0
			}
		}
		params.Columns, params.Range = append(params.Columns, name), append(params.Range, r)
	}
	params.Shape = []int{len(params.Columns)}
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{6, 6, 2}}, params)
}

func esslOn(name string, base methods.Method) *ESSL {
	return &ESSL{Base: overlay.Choice[methods.Method]{Name: name, Value: base}, Predictor: []int{5}, Rotation: 0.4}
}

func equimod() *EquiMod {
	return &EquiMod{Base: overlay.Choice[methods.Method]{Name: "simclr", Value: simclr()}, Projector: []int{5, 4},
		Parameters: 3, Temperature: 0.5, Equivariance: 1}
}

func lieGroup(of ...string) *LieGroup {
	return &LieGroup{Projector: []int{4}, Temperature: 0.5, Generators: 2, Inference: []int{5}, Of: of, SSL: 1, Lie: 1,
		Euclidean: 1}
}

func on(name string, base methods.Method, set func(*AugSelf)) *AugSelf {
	m := &AugSelf{Base: overlay.Choice[methods.Method]{Name: name, Value: base}, Predictor: []int{5}, Crop: 1,
		Color: 0.5}
	if set != nil {
		set(m)
	}
	return m
}

func all(m *AugSelf) { m.Flip, m.Blur, m.Turn, m.Solarize = 0.3, 0.2, 0.4, 0.1 }

func simclr() methods.Method { return &contrastive.SimCLR{Projector: []int{4}, Temperature: 0.5} }

// Losses through a small convolutional encoder against central differences in float64.
func TestGradients(t *testing.T) {
	net := &backbones.ConvNet{Widths: []int{4, 6}}
	for name, m := range map[string]methods.Method{
		"augself on simclr, all differences": on("simclr", simclr(), all),
		"augself on vicreg": on("vicreg", &correlation.VICReg{Projector: []int{5}, Invariance: 25,
			Variance: 25, Covariance: 1}, nil),
		"augself on byol": on("byol", &distillation.BYOL{Projector: []int{6, 4}, Predictor: []int{5},
			Momentum: 0.9}, nil),
		"sie": &SIE{Of: []string{"crop", "flip", "turn"}, Share: 0.4,
			Projector: []int{5, 4}, Invariance: 10, Equivariance: 4.5, Variance: 10, Covariance: 1},
		"essl on simclr": esslOn("simclr", simclr()),
		"essl on byol": esslOn("byol", &distillation.BYOL{Projector: []int{6, 4},
			Predictor: []int{5}, Momentum: 0.9}),
		"equimod":                        equimod(),
		"sen":                            &SEN{Fields: 3, Transition: []int{4}, Sigma: 0.5, Hinge: 40},
		"sen of turns":                   &SEN{Fields: 3, Sigma: 0.5, Hinge: 40},
		"lie_group":                      lieGroup(),
		"lie_group of known differences": lieGroup("crop", "color"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, data())
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// What the base method has encoded is not encoded again, and the base's terms stay as they are.
func TestAugSelfEncodesOnce(t *testing.T) {
	net := &backbones.ConvNet{Widths: []int{4}}
	for _, c := range []struct {
		name   string
		base   methods.Method
		passes int // of the encoder: of both views at once, or one by one; BYOL's teacher encodes too
		term   string
	}{
		{"simclr", simclr(), 1, "ntxent"},
		{"vicreg", &correlation.VICReg{Projector: []int{4}, Covariance: 1}, 2, "invariance"},
		{"byol", &distillation.BYOL{Projector: []int{4}, Predictor: []int{4}}, 4, "regression"},
	} {
		passes := 0
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, data())
			enc := methods.EncoderOf(net, b.Of("view0"))
			inner := enc.New
			enc.New = func(s *graph.Scope) func(*graph.Node) *graph.Node {
				encode := inner(s)
				return func(x *graph.Node) *graph.Node { passes++; return encode(x) }
			}
			o := on(c.name, c.base, nil).Build(s, enc, b)
			if o.Terms[0].Name != c.term || o.Terms[len(o.Terms)-1].Name != "color" {
				t.Errorf("%s: terms %v, want those of the method and then of the differences", c.name, o.Terms)
			}
		})
		if err != nil || passes != c.passes {
			t.Errorf("%s: %d passes, want %d (%v)", c.name, passes, c.passes, err)
		}
	}
}

// Views that never differ in what is to be predicted stop the build.
func TestNothingToPredict(t *testing.T) {
	net := &backbones.ConvNet{Widths: []int{4}}
	for want, c := range map[string]struct {
		m     methods.Method
		still []string
	}{
		"color asks for the color of views": {on("simclr", simclr(), nil), []string{"brightness", "contrast",
			"saturation", "hue"}},
		"blur asks for the blur of views": {on("simclr", simclr(), all), []string{"blur"}},
		"of asks for the flip of views": {&SIE{Of: []string{"crop", "flip"}, Share: 0.5, Projector: []int{4}},
			[]string{"flip"}},
		"of asks for the turn of views": {&SEN{Fields: 2, Sigma: 1, Hinge: 1}, []string{"quarter_turns"}},
		"leaves one part without any":   {&SIE{Of: []string{"crop"}, Share: 0.01, Projector: []int{4}}, nil},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, data(c.still...))
			c.m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	sie := func(set func(*SIE)) *SIE { m := DefaultSIE(); set(m); return m }
	for want, m := range map[string]methods.Method{
		"crop: -1: want a weight": on("simclr", simclr(), func(m *AugSelf) {
			m.Crop = -1
		}),
		"all weights are 0": on("simclr", simclr(), func(m *AugSelf) {
			m.Crop, m.Color = 0, 0
		}),
		"base: augself: want a method that learns from pairs":    on("augself", DefaultAugSelf(), nil),
		"base: supervised: want a method that learns from pairs": on("supervised", methods.DefaultSupervised(), nil),
		`of: "colour": want some of crop, color, flip`:           sie(func(m *SIE) { m.Of = []string{"colour"} }),
		`of: "crop" is there twice`:                              sie(func(m *SIE) { m.Of = []string{"crop", "crop"} }),
		"rotation: 0: want a number above 0":                     &ESSL{Base: onSimCLR()},
		"base: essl: want a method that learns":                  esslOn("essl", DefaultESSL()),
		"parameters: 0: want": &EquiMod{Base: onSimCLR(), Projector: []int{4}, Temperature: 1,
			Equivariance: 1},
		"sigma: 0: want a number above 0": &SEN{Fields: 1, Hinge: 1},
		"the generators would not be trained": &LieGroup{Projector: []int{4}, Temperature: 1, Generators: 1,
			SSL: 1},
		"features that are all alike would be best": &LieGroup{Projector: []int{4}, Temperature: 1, Generators: 1,
			Euclidean: 1},
		"share: 1: want a part of the features": sie(func(m *SIE) { m.Share = 1 }),
		"covariance: -1: want a weight":         sie(func(m *SIE) { m.Covariance = -1 }),
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultAugSelf(), DefaultSIE(), DefaultESSL(), DefaultEquiMod(), DefaultSEN(),
		DefaultLieGroup()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
