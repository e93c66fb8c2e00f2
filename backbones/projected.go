package backbones

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

// Projected is a network with an MLP behind it, whose outputs are the features: a projector that counts as part of the
// encoder, so that evaluations look behind it.
//
// With a method that has no projector of its own (projector = []) the training is as with the projector in the method:
// Balestriero et al. 2023, A Cookbook of Self-Supervised Learning, arXiv:2304.12210, figures 9 and 10, compare both
// sides.
type Projected struct {
	Tower  overlay.Choice[Backbone] `toml:"tower" overlay:"of=backbone"` // the network below
	Widths []int                    `toml:"widths"`                      // of the MLP; the last is F
}

// DefaultProjected is a convnet with SimCLR's projector for small images.
func DefaultProjected() *Projected {
	return &Projected{Tower: overlay.Choice[Backbone]{Name: "convnet", Value: DefaultConvNet()}, Widths: []int{512, 128}}
}

// Check implements Backbone.
func (p *Projected) Check(in Input) error {
	return errors.Join(heads.CheckWidths("widths", p.Widths), p.Tower.Value.Check(in))
}

// Dim implements Backbone.
func (p *Projected) Dim() int { return heads.Width(0, p.Widths) }

// New implements Backbone.
func (p *Projected) New(s *graph.Scope, in Input) layer.Func {
	return layer.Chain(p.Tower.Value.New(s, in), heads.MLP(s.In("projector"), p.Tower.Value.Dim(), p.Widths...))
}
