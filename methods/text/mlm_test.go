package text_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/text"
)

// symbols is windows of 6 symbols out of 7.
func symbols() methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{6}, Int: true, Of: []int{7}},
		feed.Field{Name: "noise", Shape: []int{6}, Int: true, Of: []int{7}})
}

func small(norm string) *backbones.Transformer {
	return &backbones.Transformer{Channels: 8, Depth: 2, Heads: 2, Hidden: 12, Norm: norm, Eps: 1e-6,
		Deviation: 0.02, Form: "bert", Attention: "full"}
}

func TestGradients(t *testing.T) {
	for _, norm := range []string{"pre", "post"} {
		t.Run(norm, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, symbols())
				return text.DefaultMLM().Build(s, methods.EncoderOf(small(norm), b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// What cannot be encoded or guessed is refused with what could.
func TestErrors(t *testing.T) {
	images := methodtest.Images(8, 8, 1)
	vit := &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 4, Pool: "mean", Position: "learned"}
	for _, c := range []struct {
		name string
		data methods.Data
		net  backbones.Backbone
		want string
	}{
		{"images", images, vit, "this method guesses symbols, choose a dataset of texts"},
		{"a backbone without tokens", symbols(), nil, "this backbone has no tokens of symbols: choose one that " +
			"has, such as [backbone.transformer]"},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, c.data)
			enc := methods.Encoder{Dim: 8}
			if c.net != nil {
				enc = methods.EncoderOf(c.net, b.Of("view0"))
			}
			text.DefaultMLM().Build(s, enc, b)
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	for key, m := range map[string]*text.MLM{"ratio": {Ratio: 1}, "mask": {Ratio: 0.1, Mask: 2},
		"random": {Ratio: 0.1, Mask: 0.8, Random: 0.3}} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%+v: %v, want an error of %s", m, err, key)
		}
	}
	if err := text.DefaultMLM().Validate(); err != nil {
		t.Error(err)
	}
}

// Backbones for images and rows refuse symbols, and a transformer refuses images; its own settings are checked.
func TestBackbones(t *testing.T) {
	in := backbones.Input{Shape: []int{6}, Int: true, Of: []int{7}}
	for _, b := range []backbones.Backbone{backbones.DefaultViT(), backbones.DefaultResNet(),
		backbones.DefaultConvNet(), backbones.DefaultMLP()} {
		if err := b.Check(in); err == nil || !strings.Contains(err.Error(),
			"the samples of this recipe are sequences of [6] symbols") {
			t.Errorf("%T: %v, want that the samples are symbols", b, err)
		}
	}
	if err := small("pre").Check(backbones.Pixels(8, 8, 1)); err == nil || !strings.Contains(err.Error(),
		"a transformer encodes sequences of symbols") {
		t.Errorf("a transformer of images: %v", err)
	}
	for key, b := range map[string]*backbones.Transformer{
		"dim": {}, "depth": {Channels: 8}, "heads": {Channels: 8, Depth: 1, Heads: 3}, "norm": {Channels: 8, Depth: 1,
			Heads: 2, Norm: "mid"},
		"eps": {Channels: 8, Depth: 1, Heads: 2, Norm: "pre"}, "mlp": {Channels: 8, Depth: 1, Heads: 2, Hidden: -1},
		"deviation": {Channels: 8, Depth: 1, Heads: 2, Norm: "pre", Eps: 1e-6, Form: "bert",
			Attention: "full"},
		"attention":      {Channels: 8, Depth: 1, Heads: 2, Norm: "pre", Eps: 1e-6, Form: "bert", Deviation: 1},
		"attention_size": {Channels: 8, Depth: 1, Heads: 2, Norm: "pre", Eps: 1e-6, Form: "bert", Attention: "window"},
		"form":           {Channels: 8, Depth: 1, Heads: 2, Norm: "pre", Eps: 1e-6, Deviation: 1},
	} {
		if err := b.Check(in); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%+v: %v, want an error of %s", b, err, key)
		}
	}
}

// The features of a text are the same whatever else is in the batch, and are the mean over its symbols: those of no
// symbols are 0.
func TestPaddingIsNotSeen(t *testing.T) {
	features := func(ids []int32) []float64 {
		st := graph.NewStore(1)
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			in := backbones.Input{Shape: []int{6}, Int: true, Of: []int{7}}
			s.Output("y", small("pre").New(s, in)(op.Reshape(s.Ints("ids", ids), -1, 6)))
		})
		if err != nil {
			t.Fatal(err)
		}
		return outputs(t, g, st)
	}
	y := features([]int32{2, 3, 4, 0, 0, 0, 2, 3, 4, 5, 6, 2, 0, 0, 0, 0, 0, 0})
	alone := features([]int32{2, 3, 4, 0, 0, 0})
	for i, v := range alone {
		if d := y[i] - v; d > 1e-6 || d < -1e-6 {
			t.Errorf("feature %d is %v beside other texts, alone %v", i, y[i], v)
		}
	}
	var different float64
	for i := range 8 {
		different += (y[i] - y[8+i]) * (y[i] - y[8+i])
		if y[16+i] != 0 {
			t.Errorf("a text of no symbols has feature %v, want 0", y[16+i])
		}
	}
	if different < 1e-6 {
		t.Error("a longer text has the same features")
	}
}
