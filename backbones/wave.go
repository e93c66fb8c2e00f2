package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Wave encodes sound recordings: strided convolutions over time, each with a norm and ReLU, make a step of some
// milliseconds, and a GRU gathers the steps up to each into a context. The features are the mean of the contexts.
//
// Van den Oord et al. 2018, arXiv:1807.03748, section 3.1. The norm is that of CPC_audio (Riviere et al. 2020,
// arXiv:2002.02848, section 3.2), over the channels of a step, with the biased variance where that code has the
// unbiased one; the paper has none.
type Wave struct {
	Width   int    `toml:"width"`   // channels of a step
	Kernels []int  `toml:"kernels"` // steps that a convolution sees, a number for each
	Strides []int  `toml:"strides"` // steps that it moves by
	Norm    string `toml:"norm"`    // channel: each step over its channels | none
	Context int    `toml:"context"` // size of the GRU's state, the F of the features
}

// DefaultWave has the paper's settings, for 16000 samples a second: steps of 10 ms.
func DefaultWave() *Wave {
	return &Wave{Width: 512, Kernels: []int{10, 8, 4, 4, 4}, Strides: []int{5, 4, 2, 2, 2}, Norm: channelNorm,
		Context: 256}
}

const channelNorm = "channel"

// channelEps is CPC_audio's.
const channelEps = 1e-5

// Steps is a Backbone that makes a sequence of steps of a wave, over the same parameters as New.
type Steps interface {
	Backbone
	NewSteps(s *graph.Scope, in Input) *StepEncoder
}

// StepEncoder is the parts of an encoder of waves. Its features are Pool(Context(Encode(x))).
type StepEncoder struct {
	Width, Dim int                             // D of a step, F of a context
	Hop        int                             // samples from a step to the next: step s is around sample s Hop
	Encode     func(x *graph.Node) *graph.Node // waves [B,T,C] -> steps [B,S,D]
	Context    func(z *graph.Node) *graph.Node // steps [B,S,D] -> contexts [B,S,F], each of the steps up to it
	Pool       func(c *graph.Node) *graph.Node // contexts [B,S,F] -> features [B,F]
}

// Check implements Backbone.
func (w *Wave) Check(in Input) error {
	if len(in.Shape) != 2 || in.Int {
		return in.wrong("wave", "waves [samples, channels]")
	}
	switch {
	case w.Width < 1:
		return setting.Bad("width", "%d: want at least 1 channel", w.Width)
	case w.Context < 1:
		return setting.Bad("context", "%d: want at least 1", w.Context)
	case len(w.Kernels) == 0:
		return setting.Bad("kernels", "[]: want at least one convolution")
	case len(w.Strides) != len(w.Kernels):
		return setting.Bad("strides", "%v: want %d numbers, as many as kernels has", w.Strides, len(w.Kernels))
	case w.Norm != channelNorm && w.Norm != "none":
		return setting.Bad("norm", "%q: want %q or \"none\"", w.Norm, channelNorm)
	}
	steps := in.Shape[0]
	for i, k := range w.Kernels {
		stride := w.Strides[i]
		switch {
		case stride < 1:
			return setting.Bad("strides", "%v: want numbers of at least 1", w.Strides)
		case k < stride:
			return setting.Bad("kernels", "%v: want numbers of at least their strides %v, so that no sample is "+
				"left out", w.Kernels, w.Strides)
		case steps+2*padding(k, stride) < k:
			return setting.Bad("kernels", "%v: convolution %d sees %d steps, and %d of a window of %d samples reach it",
				w.Kernels, i, k, steps, in.Shape[0])
		}
		steps = (steps+2*padding(k, stride)-k)/stride + 1
	}
	return nil
}

// padding is CPC_audio's: as many steps come out as strides fit in, about.
func padding(kernel, stride int) int { return (kernel - stride + 1) / 2 }

// Dim implements Backbone.
func (w *Wave) Dim() int { return w.Context }

// New implements Backbone.
func (w *Wave) New(s *graph.Scope, in Input) layer.Func {
	e := w.NewSteps(s, in)
	return layer.Chain(e.Encode, e.Context, e.Pool)
}

// NewSteps implements Steps.
func (w *Wave) NewSteps(s *graph.Scope, in Input) *StepEncoder {
	e := &StepEncoder{Width: w.Width, Dim: w.Context, Hop: 1}
	from := in.Shape[1]
	var layers []layer.Func
	for i, k := range w.Kernels {
		at, stride := s.In(fmt.Sprint(i)), w.Strides[i]
		conv := layer.Conv2D{In: from, Out: w.Width, Kernel: [2]int{k, 1}, Stride: [2]int{stride, 1},
			Pad: [2]int{padding(k, stride), 0}, Bias: w.Norm != channelNorm,
			Init: graph.KaimingNormal(k * from)}
		layers = append(layers, conv.New(at.In("conv")))
		if w.Norm == channelNorm {
			layers = append(layers, layer.LayerNormEps(at.In("norm"), w.Width, channelEps))
		}
		layers = append(layers, layer.Relu)
		from, e.Hop = w.Width, e.Hop*stride
	}
	convolve := layer.Chain(layers...)
	e.Encode = func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		return op.Reshape(convolve(op.Reshape(x, b, t, 1, in.Shape[1])), b, -1, w.Width)
	}
	e.Context = layer.GRU(s.In("context"), w.Width, w.Context)
	e.Pool = func(c *graph.Node) *graph.Node { return op.Mean(c, false, 1) }
	return e
}
