package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/recipes/overlay"
)

// ConvNet is a small plain network for first experiments: one 3x3 convolution, batch norm and ReLU for every width, each at stride 2, then
// the average over the image. It is the convnet that the speed tables compare with PyTorch.
type ConvNet struct {
	Widths []int `toml:"widths"` // channels of each layer; the last is F
}

// DefaultConvNet has three layers of 16, 32 and 64 channels.
func DefaultConvNet() *ConvNet { return &ConvNet{Widths: []int{16, 32, 64}} }

// Check implements Backbone.
func (c *ConvNet) Check(in Image) error {
	if err := checkWidths(c.Widths); err != nil {
		return err
	}
	if stride := 1 << len(c.Widths); min(in.H, in.W) < stride {
		return fmt.Errorf("images of %v are smaller than the network's stride of %d (widths = %v halve them %d times)", in, stride, c.Widths, len(c.Widths))
	}
	return nil
}

func checkWidths(widths []int) error {
	if len(widths) == 0 {
		return overlay.Bad("widths", "[]: want at least one layer")
	}
	for _, w := range widths {
		if w < 1 {
			return overlay.Bad("widths", "%v: every width must be at least 1", widths)
		}
	}
	return nil
}

// Dim implements Backbone.
func (c *ConvNet) Dim() int { return c.Widths[len(c.Widths)-1] }

// New implements Backbone.
func (c *ConvNet) New(s *graph.Scope, in Image) layer.Func {
	var layers []layer.Func
	from := in.C
	for i, w := range c.Widths {
		at := s.In(fmt.Sprint(i))
		layers = append(layers, layer.Conv(at.In("conv"), from, w, 3, 2), layer.BatchNorm(at.In("norm"), w), layer.Relu)
		from = w
	}
	return layer.Chain(append(layers, op.GlobalAvgPool)...)
}
