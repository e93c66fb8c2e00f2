package backbones

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// NatureCNN is the network of agents that see pixels: 3x3 convolutions at stride 2 with bias and ReLU, then a linear
// layer over all that they leave and a layer norm, so that where things are is kept. No sample depends on the others
// of its batch.
//
// Mnih et al., Nature 518, 2015, have larger kernels for 84x84 pixels; the layer norm is that of SAC+AE and CURL
// (Yarats et al. 2021, arXiv:1910.01741; Laskin et al. 2020, arXiv:2004.04136).
type NatureCNN struct {
	Widths   []int `toml:"widths"`   // channels of each convolution
	Features int   `toml:"features"` // F
}

// DefaultNatureCNN has three convolutions of 32 channels and 64 features, for images of about 32x32.
func DefaultNatureCNN() *NatureCNN { return &NatureCNN{Widths: []int{32, 32, 32}, Features: 64} }

// Check implements Backbone.
func (c *NatureCNN) Check(in Input) error {
	h, w, _, err := in.image("nature_cnn")
	if err = errors.Join(err, checkWidths(c.Widths), setting.Least("features", c.Features, 1)); err != nil {
		return err
	}
	if stride := 1 << len(c.Widths); min(h, w) < stride {
		return fmt.Errorf("images of %v are smaller than the network's stride of %d (widths = %v halve them %d times)",
			in, stride, c.Widths, len(c.Widths))
	}
	return nil
}

// Dim implements Backbone.
func (c *NatureCNN) Dim() int { return c.Features }

// New implements Backbone.
func (c *NatureCNN) New(s *graph.Scope, in Input) layer.Func {
	both := c.NewPlaces(s, in)
	return func(x *graph.Node) *graph.Node {
		h, _ := both(x)
		return h
	}
}

// NewPlaces implements Places: the last convolution's map.
func (c *NatureCNN) NewPlaces(s *graph.Scope, in Input) func(x *graph.Node) (features, places *graph.Node) {
	layers := c.layers(s, in)
	h, w := in.Shape[0], in.Shape[1]
	for range c.Widths {
		h, w = (h+1)/2, (w+1)/2
	}
	size, at := h*w*c.Widths[len(c.Widths)-1], s.Layer(len(c.Widths))
	norm := layer.Chain(layer.Linear(at.In("linear"), size, c.Features, true), layer.LayerNorm(at.In("norm"),
		c.Features))
	convolve := layer.Chain(layers...)
	return func(x *graph.Node) (features, places *graph.Node) {
		m := convolve(x) // [B,h,w,C]
		return norm(op.Reshape(m, -1, size)), m
	}
}

// NewMaps implements Maps: a map after every convolution.
func (c *NatureCNN) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	return mapsOf(c.layers(s, in))
}

func (c *NatureCNN) layers(s *graph.Scope, in Input) (layers []layer.Func) {
	from := in.Shape[2]
	for i, w := range c.Widths {
		at := s.Layer(i).In(fmt.Sprint(i))
		conv := layer.Conv2D{In: from, Out: w, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1},
			Bias: true}
		layers = append(layers, layer.Chain(conv.New(at), layer.Relu))
		from = w
	}
	return layers
}
