package backbones

import (
	"errors"
	"fmt"

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

// Frames is a Backbone of clips that has features of every frame: [B,T,...] -> [B,T,F], over the same parameters as
// New.
type Frames interface {
	Backbone
	NewFrames(s *graph.Scope, in Input) layer.Func
}

// LumaChroma sees a colour image by two networks of one kind, whose features are side by side: one sees luminance, the
// other the two differences of colour.
//
// The colour space is YDbDr, as in section 4.2 of Tian, Krishnan, Isola 2020, arXiv:1906.05849. It is made of the views
// as they are: only where their channels have one mean and deviation (views.statistics = "half") has grey no colour.
type LumaChroma struct {
	Tower overlay.Choice[Backbone] `toml:"tower" overlay:"of=backbone"` // of luminance, and another of colour
}

// DefaultLumaChroma has two convnets.
func DefaultLumaChroma() *LumaChroma {
	return &LumaChroma{Tower: overlay.Choice[Backbone]{Name: "convnet", Value: DefaultConvNet()}}
}

// Check implements Backbone.
func (l *LumaChroma) Check(in Input) error {
	h, w, c, err := in.image("luma_chroma")
	if err == nil && c != 3 {
		err = fmt.Errorf("a luma_chroma splits colours, and images of %v have %d channel; want 3", in, c)
	}
	if err != nil {
		return err
	}
	return errors.Join(l.Tower.Value.Check(Pixels(h, w, 1)), l.Tower.Value.Check(Pixels(h, w, 2)))
}

// Dim implements Backbone.
func (l *LumaChroma) Dim() int { return 2 * l.Tower.Value.Dim() }

// New implements Backbone.
func (l *LumaChroma) New(s *graph.Scope, in Input) layer.Func {
	halves := l.NewHalves(s, in)
	return func(x *graph.Node) *graph.Node {
		luma, chroma := halves(x)
		return op.Concat(1, luma, chroma)
	}
}

// NewHalves implements Halves: luminance, colour.
func (l *LumaChroma) NewHalves(s *graph.Scope, in Input) func(x *graph.Node) (luma, chroma *graph.Node) {
	h, w := in.Shape[0], in.Shape[1]
	light := l.Tower.Value.New(s.In("luma"), Pixels(h, w, 1))
	colour := l.Tower.Value.New(s.In("chroma"), Pixels(h, w, 2))
	toYDbDr := s.Floats("const/ydbdr", []float64{
		0.299, -0.450, -1.333,
		0.587, -0.883, 1.116,
		0.114, 1.333, 0.217,
	}, 3, 3)
	return func(x *graph.Node) (luma, chroma *graph.Node) {
		at := op.ShapeOf(x)
		x = op.Reshape(op.MatMul(op.Reshape(x, -1, 3), toYDbDr, false, false), at...)
		return light(op.Slice(x, 3, 0, 1)), colour(op.Slice(x, 3, 1, 3))
	}
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
