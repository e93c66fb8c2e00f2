package backbones

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/recipes/overlay"
)

// Halves is a Backbone whose features are those of two networks side by side, each of which sees another part of a
// sample: [B,2F], each half [B,F], over the same parameters as New.
type Halves interface {
	Backbone
	NewHalves(s *graph.Scope, in Input) func(x *graph.Node) (a, b *graph.Node)
}

// Frames is a Backbone of clips that has features of every frame, of which each has seen that frame alone: [B,T,...] ->
// [B,T,F], over the same parameters as New.
type Frames interface {
	Backbone
	NewFrames(s *graph.Scope, in Input) layer.Func
}

// Times is a Backbone of clips that has features of times, which may have seen all of the clip: [B,T,...] -> [B,t,F],
// over the same parameters as New.
type Times interface {
	Backbone
	NewTimes(s *graph.Scope, in Input) layer.Func
}

// PerFrame sees every frame of a clip by one network of images. A clip's features are the mean of its frames'.
type PerFrame struct {
	Tower overlay.Choice[Backbone] `toml:"tower" overlay:"of=backbone"` // of images
}

// DefaultPerFrame has a convnet.
func DefaultPerFrame() *PerFrame {
	return &PerFrame{Tower: overlay.Choice[Backbone]{Name: "convnet", Value: DefaultConvNet()}}
}

// Check implements Backbone.
func (f *PerFrame) Check(in Input) error {
	if len(in.Shape) != 4 || in.Int {
		return in.wrong("per_frame", "clips [frames, height, width, channels]")
	}
	return f.Tower.Value.Check(frameOf(in))
}

// frameOf is a frame of a clip.
func frameOf(clip Input) Input { return Pixels(clip.Shape[1], clip.Shape[2], clip.Shape[3]) }

// Dim implements Backbone.
func (f *PerFrame) Dim() int { return f.Tower.Value.Dim() }

// New implements Backbone.
func (f *PerFrame) New(s *graph.Scope, in Input) layer.Func {
	frames := f.NewFrames(s, in)
	return func(x *graph.Node) *graph.Node { return op.Mean(frames(x), false, 1) }
}

// NewFrames implements Frames. Frames of all clips are one batch.
func (f *PerFrame) NewFrames(s *graph.Scope, in Input) layer.Func {
	encode := f.Tower.Value.New(s, frameOf(in))
	return func(x *graph.Node) *graph.Node {
		at := op.ShapeOf(x)
		return op.Reshape(encode(op.Reshape(x, at[0]*at[1], at[2], at[3], at[4])), at[0], at[1], f.Dim())
	}
}
