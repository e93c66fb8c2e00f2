package backbones

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// ConvNet is a small plain network for first experiments: one 3x3 convolution, batch norm and ReLU for every width,
// each at stride 2, then the average over the image. It is the convnet that the speed tables compare with PyTorch.
type ConvNet struct {
	Widths []int `toml:"widths"` // channels of each layer; the last is F
}

// DefaultConvNet has three layers of 16, 32 and 64 channels.
func DefaultConvNet() *ConvNet { return &ConvNet{Widths: []int{16, 32, 64}} }

// Check implements Backbone.
func (c *ConvNet) Check(in Input) error {
	h, w, _, err := in.image("convnet")
	if err = errors.Join(err, checkWidths(c.Widths)); err != nil {
		return err
	}
	if stride := 1 << len(c.Widths); min(h, w) < stride {
		return fmt.Errorf("images of %v are smaller than the network's stride of %d (widths = %v halve them %d times)",
			in, stride, c.Widths, len(c.Widths))
	}
	return nil
}

func checkWidths(widths []int) error {
	if len(widths) == 0 {
		return setting.Bad("widths", "[]: want at least one layer")
	}
	for _, w := range widths {
		if w < 1 {
			return setting.Bad("widths", "%v: every width must be at least 1", widths)
		}
	}
	return nil
}

// Dim implements Backbone.
func (c *ConvNet) Dim() int { return c.Widths[len(c.Widths)-1] }

// AnySize implements AnySize.
func (c *ConvNet) AnySize() {}

// New implements Backbone.
func (c *ConvNet) New(s *graph.Scope, in Input) layer.Func {
	return layer.Chain(append(c.layers(s, in), op.GlobalAvgPool)...)
}

// NewMaps implements Maps: a map after every layer.
func (c *ConvNet) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	return mapsOf(c.layers(s, in))
}

// layers are the network without its mean, one a width.
func (c *ConvNet) layers(s *graph.Scope, in Input) (layers []layer.Func) {
	from := in.Shape[2]
	for i, w := range c.Widths {
		at := s.Layer(i).In(fmt.Sprint(i))
		layers = append(layers, layer.Chain(layer.Conv(at.In("conv"), from, w, 3, 2), layer.BatchNorm(at.In("norm"), w),
			layer.Relu))
		from = w
	}
	return layers
}

// mapsOf is the values after each of some stages.
func mapsOf(stages []layer.Func) func(x *graph.Node) []*graph.Node {
	return func(x *graph.Node) []*graph.Node {
		var maps []*graph.Node
		for _, f := range stages {
			x = f(x)
			maps = append(maps, x)
		}
		return maps
	}
}
