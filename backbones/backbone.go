// Package backbones holds the encoders: a view -> features [B,F]. A backbone is a struct of settings with the usual
// defaults in its constructor.
package backbones

import (
	"fmt"
	"strings"

	"selfsup/graph"
	"selfsup/graph/layer"
)

// Input describes a sample as an encoder reads it.
type Input struct {
	Shape []int // [H,W,C] pixels, [F,H,W,C] frames, [T,C] waves, [T] symbols, [K] columns
	Int   bool  // symbols
	// Of is how many values an element can have: of symbols one number; of a table's row a number for each column, 0
	// for measurements.
	Of []int
	// Gaps are columns of a table's row that may be missing, whose indicators are the row's last elements, see
	// feed.Field
	Gaps []int
	// Low and High bound the elements of each channel: in images black and white, normalised. nil: nobody knows them.
	Low, High []float32
}

// Pixels is images of h x w pixels and c channels.
func Pixels(h, w, c int) Input { return Input{Shape: []int{h, w, c}} }

// String is 32x32x3, or 6 columns of numbers and 8 of categories.
func (in Input) String() string {
	if in.isRow() {
		return in.columnKinds()
	}
	parts := make([]string, len(in.Shape))
	for i, n := range in.Shape {
		parts[i] = fmt.Sprint(n)
	}
	return strings.Join(parts, "x")
}

// Size is the number of elements of a sample.
func (in Input) Size() int {
	n := 1
	for _, d := range in.Shape {
		n *= d
	}
	return n
}

// image is the height, width and channels of images; other data are an error that names the backbone.
func (in Input) image(backbone string) (h, w, c int, err error) {
	if len(in.Shape) != 3 || in.Int {
		return 0, 0, 0, in.wrong(backbone, "images [height, width, channels]")
	}
	return in.Shape[0], in.Shape[1], in.Shape[2], nil
}

// wrong says that a backbone is for other data.
func (in Input) wrong(backbone, want string) error {
	return fmt.Errorf("a %s encodes %s, and the samples of this recipe are %s", backbone, want, in.kind())
}

// kind says in words what the samples are.
func (in Input) kind() string {
	switch {
	case in.Int:
		return fmt.Sprintf("sequences of %v symbols", in.Shape)
	case len(in.Shape) == 4:
		return fmt.Sprintf("clips %v", in.Shape)
	case len(in.Shape) == 3:
		return fmt.Sprintf("images %v", in.Shape)
	case len(in.Shape) == 2:
		return fmt.Sprintf("waves %v", in.Shape)
	}
	return fmt.Sprintf("rows of %s", in.columnKinds())
}

// Backbone is an encoder with its settings.
type Backbone interface {
	// Check says what is wrong with the settings, or why samples of this shape do not fit.
	Check(Input) error
	// Dim is F, the width of the features.
	Dim() int
	// New declares the parameters below s and returns the encoder, a view [B,...] -> features [B,F].
	New(s *graph.Scope, in Input) layer.Func
}

// AnySize is a Backbone whose encoder, once built, takes images of every size that Check passes: its features are a
// mean over places, or its positions are interpolated.
type AnySize interface {
	Backbone
	AnySize()
}

// Maps is a Backbone that gives feature maps [B,h,w,C], coarser and coarser, over the same parameters as New.
type Maps interface {
	Backbone
	NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node
}

// Places is a Backbone that gives its features [B,Dim] and what they are made of where it lies [B,h,w,C], over the
// same parameters as New. Of Maps without it the features are the mean of the last map.
type Places interface {
	Backbone
	NewPlaces(s *graph.Scope, in Input) func(x *graph.Node) (features, places *graph.Node)
}

// DropPath is a Backbone whose residual branches can be left out at random in training (stochastic depth, Huang et al.
// 2016, arXiv:1603.09382), over the same parameters.
type DropPath interface {
	Backbone
	// WithDropPath is the backbone with this probability for its last block, falling to 0 for its first.
	WithDropPath(p float64) Backbone
}
