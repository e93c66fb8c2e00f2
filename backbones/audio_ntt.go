package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// AudioNTT encodes spectrograms: convolutions with batch norm and ReLU that halve time and frequency, then, for each
// time that is left, two layers of all its frequencies and channels. The features are the largest of each number over
// time plus their mean.
//
// Niizumi et al. 2021, BYOL-A, arXiv:2103.06695, table 1, without its dropout. A network that takes means over places
// loses which pitch a sound has; this one keeps it.
type AudioNTT struct {
	Channels int `toml:"channels"` // of every convolution
	Depth    int `toml:"depth"`    // convolutions
	Width    int `toml:"width"`    // of the layers, the F of the features
}

// DefaultAudioNTT is the paper's of 2048 features.
func DefaultAudioNTT() *AudioNTT { return &AudioNTT{Channels: 64, Depth: 3, Width: 2048} }

// Check implements Backbone.
func (a *AudioNTT) Check(in Input) error {
	h, w, _, err := in.image("audio_ntt")
	switch {
	case err != nil:
		return err
	case a.Channels < 1:
		return setting.Bad("channels", "%d: want at least 1", a.Channels)
	case a.Width < 1:
		return setting.Bad("width", "%d: want at least 1", a.Width)
	case a.Depth < 1 || a.Depth > 16:
		return setting.Bad("depth", "%d: want 1 to 16 convolutions", a.Depth)
	case h>>a.Depth < 1 || w>>a.Depth < 1:
		return setting.Bad("depth", "%d: spectrograms of %d frames and %d bands cannot be halved so often", a.Depth,
			h, w)
	}
	return nil
}

// Dim implements Backbone.
func (a *AudioNTT) Dim() int { return a.Width }

// New implements Backbone.
func (a *AudioNTT) New(s *graph.Scope, in Input) layer.Func {
	var layers []layer.Func
	from := in.Shape[2]
	for i := range a.Depth {
		at := s.In(fmt.Sprint(i))
		conv := layer.Conv2D{In: from, Out: a.Channels, Kernel: [2]int{3, 3}, Pad: [2]int{1, 1}, Bias: true,
			Init: graph.KaimingNormal(9 * from), ZeroBias: true}
		layers = append(layers, conv.New(at.In("conv")), layer.BatchNorm(at.In("norm"), a.Channels), layer.Relu,
			func(x *graph.Node) *graph.Node {
				return op.MaxPool2D(x, op.Pool{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}})
			})
		from = a.Channels
	}
	width := in.Shape[1] >> a.Depth * a.Channels
	convolve := layer.Chain(layers...)
	first, second := layer.Linear(s.In("fc1"), width, a.Width, true), layer.Linear(s.In("fc2"), a.Width, a.Width, true)
	return func(x *graph.Node) *graph.Node {
		y := convolve(x) // [B,T/8,Bands/8,C]
		b, t := op.ShapeOf(y)[0], op.ShapeOf(y)[1]
		y = layer.Relu(second(layer.Relu(first(op.Reshape(y, b*t, width)))))
		y = op.Reshape(y, b, t, 1, a.Width)
		return op.Add(op.Reshape(op.AdaptiveMaxPool2D(y, 1, 1), b, a.Width), op.GlobalAvgPool(y))
	}
}
