package backbones

import (
	"fmt"
	"math"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Wav2Vec2 encodes sound recordings: strided convolutions make steps of them, a grouped convolution over the steps says
// where they are, and blocks of attention make contexts. The features are the mean of the contexts.
//
// Baevski et al. 2020, wav2vec 2.0, arXiv:2006.11477, section 2, as in the authors' code; HuBERT (arXiv:2106.07447) and
// data2vec (arXiv:2202.03555) have the same encoder. Dropout and layer drop are left out. The lengths of the
// positional kernel begin at their expected value.
type Wav2Vec2 struct {
	Widths    []int  `toml:"widths"`    // channels of the steps that each convolution makes
	Kernels   []int  `toml:"kernels"`   // steps that it sees
	Strides   []int  `toml:"strides"`   // steps that it moves by
	Steps     string `toml:"step_norm"` // group: channels of the first over time | layer: steps of all over channels
	Bias      bool   `toml:"bias"`      // of the convolutions
	Normalize bool   `toml:"normalize"` // each window to mean 0 and variance 1, before all
	Channels  int    `toml:"dim"`       // of a context, the F of the features
	Depth     int    `toml:"depth"`     // blocks
	Heads     int    `toml:"heads"`     // of attention
	Hidden    int    `toml:"mlp"`       // width within a block's MLP; 0: four times dim
	Kernel    int    `toml:"position"`  // steps that the convolution of positions sees
	Groups    int    `toml:"groups"`    // of its channels
	// post: after a block's branches, and one before the blocks | pre: before the branches, and one after the blocks
	Norm string `toml:"norm"`
}

// DefaultWav2Vec2 is the paper's BASE, for 16000 samples a second: steps of 20 ms.
func DefaultWav2Vec2() *Wav2Vec2 {
	return &Wav2Vec2{Widths: []int{512, 512, 512, 512, 512, 512, 512}, Kernels: []int{10, 3, 3, 3, 3, 2, 2},
		Strides: []int{5, 2, 2, 2, 2, 2, 2}, Steps: "group",
		Channels: 768, Depth: 12, Heads: 12, Kernel: 128, Groups: 16, Norm: "post"}
}

// Speech is a Backbone that makes steps of waves and contexts of steps, whose parts methods can use one by one, over
// the same parameters as New.
type Speech interface {
	Tokens
	NewSpeech(s *graph.Scope, in Input) *SpeechEncoder
}

// SpeechEncoder is the parts of an encoder of waves. Its tokens are steps with their positions, Rows of one column.
type SpeechEncoder struct {
	*TokenEncoder
	Width int                             // D of a step
	Hop   int                             // samples from a step to the next
	Steps func(x *graph.Node) *graph.Node // waves [B,T,C] -> steps [B,S,Width], as the convolutions make them
	Level func(z *graph.Node) *graph.Node // steps, each to mean 0 and variance 1 over its channels, scaled and shifted
	Enter func(z *graph.Node) *graph.Node // steps -> tokens without positions [B,S,Dim]
}

// Check implements Backbone.
func (w *Wav2Vec2) Check(in Input) error {
	if len(in.Shape) != 2 || in.Int {
		return in.wrong("wav2vec2", "waves [samples, channels]")
	}
	switch {
	case w.Channels < 1:
		return setting.Bad("dim", "%d: want at least 1 channel", w.Channels)
	case w.Depth < 1:
		return setting.Bad("depth", "%d: want at least 1 block", w.Depth)
	case w.Heads < 1 || w.Channels%w.Heads != 0:
		return setting.Bad("heads", "%d: want a divisor of dim = %d", w.Heads, w.Channels)
	case w.Hidden < 0:
		return setting.Bad("mlp", "%d: want a width above 0, or 0 for four times dim", w.Hidden)
	case w.Groups < 1 || w.Channels%w.Groups != 0:
		return setting.Bad("groups", "%d: want a divisor of dim = %d", w.Groups, w.Channels)
	case w.Kernel < 1:
		return setting.Bad("position", "%d: want at least 1 step", w.Kernel)
	case w.Steps != "group" && w.Steps != "layer":
		return setting.Bad("step_norm", "%q: want \"group\" or \"layer\"", w.Steps)
	case w.Norm != "pre" && w.Norm != "post":
		return setting.Bad("norm", "%q: want \"pre\" or \"post\"", w.Norm)
	case len(w.Kernels) == 0:
		return setting.Bad("kernels", "[]: want at least one convolution")
	case len(w.Widths) != len(w.Kernels) || slices.Min(w.Widths) < 1:
		return setting.Bad("widths", "%v: want %d numbers of at least 1, as many as kernels has", w.Widths,
			len(w.Kernels))
	case len(w.Strides) != len(w.Kernels):
		return setting.Bad("strides", "%v: want %d numbers, as many as kernels has", w.Strides, len(w.Kernels))
	}
	steps := in.Shape[0]
	for i, k := range w.Kernels {
		switch stride := w.Strides[i]; {
		case stride < 1:
			return setting.Bad("strides", "%v: want numbers of at least 1", w.Strides)
		case k < stride:
			return setting.Bad("kernels", "%v: want numbers of at least their strides %v, so that no sample is "+
				"left out", w.Kernels, w.Strides)
		case steps < k:
			return setting.Bad("kernels", "%v: convolution %d sees %d steps, and %d of a window of %d samples reach it",
				w.Kernels, i, k, steps, in.Shape[0])
		default:
			steps = (steps-k)/stride + 1
		}
	}
	return nil
}

// Dim implements Backbone.
func (w *Wav2Vec2) Dim() int { return w.Channels }

// New implements Backbone.
func (w *Wav2Vec2) New(s *graph.Scope, in Input) layer.Func {
	e := w.NewSpeech(s, in)
	return layer.Chain(e.Embed, e.Encode, e.Pool)
}

// NewTokens implements Tokens.
func (w *Wav2Vec2) NewTokens(s *graph.Scope, in Input) *TokenEncoder {
	return w.NewSpeech(s, in).TokenEncoder
}

// torchEps is what PyTorch's norms add to a variance.
const torchEps = 1e-5

// NewSpeech implements Speech.
func (w *Wav2Vec2) NewSpeech(s *graph.Scope, in Input) *SpeechEncoder {
	first := s.Layer(0)
	convolve := w.Convolutions(first, in)
	hop, steps := w.steps(in)
	width := w.Widths[len(w.Widths)-1]
	norm := layer.LayerNormEps(first.In("norm"), width, torchEps)
	enter := layer.Chain()
	if width != w.Channels {
		enter = layer.Dense(first.In("enter"), width, w.Channels)
	}
	place := w.Positions(first.In("position"))
	block := layer.Block{Dim: w.Channels, Heads: w.Heads, Hidden: w.Hidden, Post: w.Norm == "post", Eps: torchEps}
	before, after := layer.Chain(), layer.Chain()
	if block.Post {
		before = layer.LayerNormEps(first.In("before/norm"), w.Channels, torchEps)
	} else {
		after = layer.LayerNormEps(s.In("after/norm"), w.Channels, torchEps)
	}
	among := func(m layer.Mask) func(x *graph.Node) []*graph.Node {
		o := block
		o.Mask = m
		blocks := layer.Stack(first.In("blocks"), o, w.Depth, 0)
		return func(x *graph.Node) []*graph.Node { return through(blocks, before(x), layer.Grid{}) }
	}
	all := among(layer.Mask{}) // declares the whole encoder for methods that call a part
	last := func(layers []*graph.Node) *graph.Node { return after(layers[w.Depth-1]) }
	e := &SpeechEncoder{Width: width, Hop: hop, Enter: enter, Steps: convolve, Level: norm}
	e.TokenEncoder = &TokenEncoder{
		Dim: w.Channels, Rows: steps, Columns: 1,
		Project: func(x *graph.Node) *graph.Node { return enter(norm(convolve(x))) },
		Place:   func(y, _ *graph.Node) *graph.Node { return op.Add(y, place(y)) },
		Encode:  func(x *graph.Node) *graph.Node { return last(all(x)) },
		Masked:  func(x *graph.Node, m layer.Mask) *graph.Node { return last(among(m)(x)) },
		Layers:  all, Norm: after,
	}
	e.Embed = func(x *graph.Node) *graph.Node { return e.Place(e.Project(x), x) }
	e.Among = func(x, keys *graph.Node) *graph.Node { return e.Masked(x, layer.Mask{Keys: keys}) }
	return e
}

// steps is how many samples lie between two steps, and how many steps there are.
func (w *Wav2Vec2) steps(in Input) (hop, steps int) {
	hop, steps = 1, in.Shape[0]
	for i, k := range w.Kernels {
		hop, steps = hop*w.Strides[i], (steps-k)/w.Strides[i]+1
	}
	return hop, steps
}

// Convolutions make steps of waves, [B,T,C] -> [B,S,D].
func (w *Wav2Vec2) Convolutions(s *graph.Scope, in Input) layer.Func {
	var layers []layer.Func
	from := in.Shape[1]
	for i, k := range w.Kernels {
		at, stride := s.In(fmt.Sprint(i)), w.Strides[i]
		width := w.Widths[i]
		conv := layer.Conv2D{In: from, Out: width, Kernel: [2]int{k, 1}, Stride: [2]int{stride, 1}, Bias: w.Bias,
			Init: graph.KaimingNormal(k * from)}
		layers = append(layers, conv.New(at.In("conv")))
		switch {
		case w.Steps == "layer":
			layers = append(layers, layer.LayerNormEps(at.In("norm"), width, torchEps))
		case i == 0:
			layers = append(layers, layer.GroupNorm{Channels: width, Groups: width}.New(at.In("norm")))
		}
		layers = append(layers, op.Gelu)
		from = width
	}
	all := layer.Chain(layers...)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		if w.Normalize {
			centred := op.Sub(x, op.Mean(x, true, 1, 2))
			x = op.Mul(centred, op.Rsqrt(op.Shift(op.Mean(op.Square(centred), true, 1, 2), torchEps)))
		}
		return op.Reshape(all(op.Reshape(x, b, t, 1, in.Shape[1])), b, -1, from)
	}
}

// Positions is the convolution that says where tokens [B,S,Dim] are. Its weights [k,1,Dim/Groups,Dim] have a direction,
// of unit length at every place of the kernel, and a gain [k,1,1,1]. Of even kernels the last result is left out.
func (w *Wav2Vec2) Positions(s *graph.Scope) layer.Func {
	k, d := w.Kernel, w.Channels
	direction := s.Param("direction", graph.Normal(math.Sqrt(4/float64(k*d))), k, 1, d/w.Groups, d)
	gain := s.Param("gain", graph.Fill(math.Sqrt(4*float64(d)/float64(k*w.Groups))), k, 1, 1, 1)
	bias := s.Param("bias", graph.Fill(0), d)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		weight := op.Mul(op.Mul(direction, op.Rsqrt(op.SumAxes(op.Square(direction), true, 1, 2, 3))), gain)
		y := op.Conv2D(op.Reshape(x, b, t, 1, d), weight, op.Conv{Pad: [2]int{k / 2, 0}, Groups: w.Groups,
			BF16: s.BF16()})
		return op.Gelu(op.Add(op.Slice(op.Reshape(y, b, -1, d), 1, 0, t), bias))
	}
}
