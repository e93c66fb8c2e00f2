package main

import (
	"fmt"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Pyramid is two convolutions of stride 2 with softsign between them, and the mean over the image.
type Pyramid struct {
	Width int `toml:"width"` // channels of the first layer; the second has twice as many
}

// Check implements backbones.Backbone.
func (p *Pyramid) Check(in backbones.Input) error {
	if len(in.Shape) != 3 || min(in.Shape[0], in.Shape[1]) < 4 {
		return fmt.Errorf("samples of %v; want images of 4x4 pixels or more", in)
	}
	if p.Width < 1 {
		return setting.Bad("width", "%d: want at least 1 channel", p.Width)
	}
	return nil
}

// Dim implements backbones.Backbone.
func (p *Pyramid) Dim() int { return 2 * p.Width }

// AnySize implements backbones.AnySize.
func (p *Pyramid) AnySize() {}

// New implements backbones.Backbone.
func (p *Pyramid) New(s *graph.Scope, in backbones.Input) layer.Func {
	first, second := s.In("0"), s.In("1")
	return layer.Chain(
		layer.Conv(first.In("conv"), in.Shape[2], p.Width, 3, 2), layer.BatchNorm(first.In("norm"), p.Width), Softsign,
		layer.Conv(second.In("conv"), p.Width, 2*p.Width, 3, 2), layer.BatchNorm(second.In("norm"), 2*p.Width),
		Softsign,
		op.GlobalAvgPool)
}
