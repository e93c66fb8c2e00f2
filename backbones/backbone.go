// Package backbones holds the encoders: images [B,H,W,C] -> features [B,F]. A backbone is a struct of settings with the usual
// defaults in its constructor.
package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
)

// Image is the size of what a backbone sees: height, width, channels.
type Image struct{ H, W, C int }

func (i Image) String() string { return fmt.Sprintf("%dx%dx%d", i.H, i.W, i.C) }

// Backbone is an encoder with its settings.
type Backbone interface {
	// Check says what is wrong with the settings, or why images of this size do not fit.
	Check(Image) error
	// Dim is F, the width of the features.
	Dim() int
	// New declares the parameters below s and returns the encoder, images [B,H,W,C] -> features [B,F].
	New(s *graph.Scope, in Image) layer.Func
}

// AnySize is a Backbone whose encoder, once built, takes images of every size that Check passes: its features are a mean over places.
type AnySize interface {
	Backbone
	AnySize()
}

// AnySize implements AnySize.
func (r *ResNet) AnySize() {}

// AnySize implements AnySize.
func (c *ConvNet) AnySize() {}
