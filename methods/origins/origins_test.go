package origins_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/origins"
)

// images are views of a shape between two values.
func images(low, high float32, shape ...int) methods.Data {
	c := shape[len(shape)-1]
	f := feed.Field{Name: "view", Shape: shape}
	for range c {
		f.Low, f.High = append(f.Low, low), append(f.High, high)
	}
	return methodtest.Data(f)
}

// build is a method's objective for a batch of four.
func build(s *graph.Scope, m methods.Method, net backbones.Backbone, d methods.Data) methods.Objective {
	b := methods.NewBatch(s, 4, d)
	return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
}

// Each player's loss by the parameters that it moves, and the divergence of a machine, against central differences in
// float64. The sides of the images are odd, so that the generator's are cut.
func TestGradients(t *testing.T) {
	bigan := &origins.BiGAN{Latent: 3, Widths: []int{4, 3}, Hidden: 5}
	for i, scopes := range [][]string{{"discriminator"}, {"backbone", "latent", "generator"}} {
		t.Run(scopes[0], func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				return build(s, bigan, &backbones.ConvNet{Widths: []int{4, 5}},
					images(-1, 2, 7, 5, 2)).Players[i].Loss()
			}, nil, 8, 2e-5, scopes...)
		})
	}
	for name, m := range map[string]*origins.RBM{
		"cd-1": {K: 1, Binarize: "sample"}, "cd-3 of a threshold": {K: 3, Binarize: "threshold"},
		"persistent": {K: 1, Binarize: "sample", Persistent: true},
	} {
		t.Run("rbm "+name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				return build(s, m, &backbones.DBN{Widths: []int{4}}, images(0, 1, 3, 2, 1)).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// What a loss must not move it does not reach: the discriminator's neither encoder nor generator, a machine's none of
// the layers below or above.
func TestStoppedGradients(t *testing.T) {
	for _, c := range []struct {
		name    string
		m       methods.Method
		net     backbones.Backbone
		loss    func(o methods.Objective) *graph.Node
		reaches []string // and nothing else
	}{
		{"discriminator", &origins.BiGAN{Latent: 3, Widths: []int{4}, Hidden: 5}, &backbones.ConvNet{Widths: []int{4}},
			func(o methods.Objective) *graph.Node { return o.Players[0].Loss() }, []string{"discriminator/"}},
		{"first machine", origins.DefaultRBM(), &backbones.DBN{Widths: []int{4, 3, 2}},
			func(o methods.Objective) *graph.Node { return o.Terms[0].Value }, []string{"backbone/0/", "visible/0/"}},
		{"second machine", origins.DefaultRBM(), &backbones.DBN{Widths: []int{4, 3, 2}},
			func(o methods.Objective) *graph.Node { return o.Terms[1].Value }, []string{"backbone/1/", "visible/1/"}},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			loss := c.loss(build(s, c.m, c.net, images(0, 1, 6, 6, 1)))
			params := s.Params()
			for i, d := range s.Gradients(loss, params) {
				name, want := s.Name(params[i]), false
				for _, scope := range c.reaches {
					want = want || strings.HasPrefix(name, scope)
				}
				if (d != nil) != want {
					t.Errorf("%s: a gradient of %s: %v, want %v", c.name, name, d != nil, want)
				}
			}
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The machines of a stack learn one after the other, and every step is some machine's.
func TestMachinesTakeTurns(t *testing.T) {
	var tune []methods.Tune
	if _, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		tune = build(s, origins.DefaultRBM(), &backbones.DBN{Widths: []int{4, 3, 2}}, images(0, 1, 2, 2, 1)).Tune
	}); err != nil {
		t.Fatal(err)
	}
	const steps = 7
	got := map[string]string{}
	for _, u := range tune {
		for step := range steps {
			got[u.Scope] += map[float64]string{0: "x", 1: "."}[u.Hold(graph.Time{Step: step, Steps: steps})]
		}
	}
	for scope, want := range map[string]string{"0": "xx.....", "1": "..xx...", "2": "....xxx"} {
		for _, of := range []string{"backbone/", "visible/"} {
			if got[of+scope] != want {
				t.Errorf("%s%s learns in the steps %q, want %q", of, scope, got[of+scope], want)
			}
		}
	}
}

// Data and backbones that a method cannot use are told with what would be right.
func TestUnfit(t *testing.T) {
	convnet, dbn := &backbones.ConvNet{Widths: []int{4}}, &backbones.DBN{Widths: []int{4}}
	for _, c := range []struct {
		m    methods.Method
		net  backbones.Backbone
		data methods.Data
		want string
	}{
		{origins.DefaultRBM(), convnet, images(0, 1, 6, 6, 1), "rbm trains layers of logistic units: want a " +
			"backbone of them, such as [backbone.dbn]"},
		{origins.DefaultRBM(), dbn, images(-1, 1, 6, 6, 1), "these views go from -1 to 1: want views.mean = " +
			"[0.0] and views.std = [1.0]"},
		{origins.DefaultRBM(), dbn, methodtest.Images(6, 6, 1), "have view0 [6 6 1] without bounds"},
		{origins.DefaultBiGAN(), convnet, methodtest.Images(6, 6, 1),
			"this method generates images between black and white; the data have view0 [6 6 1]"},
		{origins.DefaultBiGAN(), dbn, images(0, 1, 12, 1, 3), "views of 12x1 are too small to be halved 2 times"},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { build(s, c.m, c.net, c.data) })
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "origins/") {
			t.Errorf("got %v, want %s and the line", err, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"": origins.DefaultBiGAN(), "latent": &origins.BiGAN{Widths: []int{4}, Hidden: 2},
		"hidden": &origins.BiGAN{Latent: 2, Widths: []int{4}},
		"widths": &origins.BiGAN{Latent: 2, Hidden: 2, Widths: []int{4, 0}}, "k": &origins.RBM{Binarize: "sample"},
		"binarize": &origins.RBM{K: 1, Binarize: "round"},
	} {
		if err := m.Validate(); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error of %q", m, err, want)
		}
	}
}
