package layer

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Conv2D describes a convolution of any kind, x [B,H,W,In] -> [B,H',W',Out], weights [KH,KW,In/Groups,Out]. A
// convolution over time is one of height: x [B,T,1,C] with a Kernel of {k, 1}. A zero Stride, Dilation or Groups
// means 1. Conv, of ResNets, is square and has no bias.
type Conv2D struct {
	In, Out               int
	Kernel                [2]int // height, width
	Stride, Pad, Dilation [2]int // height, width; padded with zeros on both sides
	Groups                int
	Bias                  bool
	// Init draws the weights; nil: as PyTorch's, uniform in +-1/sqrt(fan in), which biases are in any case but
	// ZeroBias.
	Init     graph.Init
	ZeroBias bool
}

// New declares weight and bias in s. The result of the layer is Stored.
func (o Conv2D) New(s *graph.Scope) Func {
	in := o.In / max(1, o.Groups)
	w, bias := parameters(s, o.Init, o.Bias, o.ZeroBias, o.Out, o.Kernel[0], o.Kernel[1], in, o.Out)
	c := op.Conv{Stride: o.Stride, Pad: o.Pad, Dilation: o.Dilation, Groups: o.Groups, BF16: s.BF16()}
	return func(x *graph.Node) *graph.Node { return Stored(s, bias(op.Conv2D(x, w, c))) }
}

// ConvTranspose describes a transposed convolution, x [B,H,W,In] -> [B,H',W',Out] with H' = (H-1) Stride - 2 Pad +
// Dilation (KH-1) + 1 + More, weights [KH,KW,Out/Groups,In]: the generators of images of Radford et al. 2016,
// arXiv:1511.06434. A zero Stride, Dilation or Groups means 1.
type ConvTranspose struct {
	In, Out               int
	Kernel                [2]int // height, width
	Stride, Pad, Dilation [2]int // height, width; of the convolution that this is the transpose of
	More                  [2]int // rows and columns at the end, below the stride: PyTorch's output_padding
	Groups                int
	Bias                  bool
	// Init draws the weights; nil: as PyTorch's, uniform in +-1/sqrt(Out/Groups*KH*KW), which biases always are.
	Init graph.Init
}

// New declares weight and bias in s. The result of the layer is Stored.
func (o ConvTranspose) New(s *graph.Scope) Func {
	out := o.Out / max(1, o.Groups)
	w, bias := parameters(s, o.Init, o.Bias, false, o.Out, o.Kernel[0], o.Kernel[1], out, o.In)
	c := op.Conv{Stride: o.Stride, Pad: o.Pad, Dilation: o.Dilation, Groups: o.Groups, BF16: s.BF16()}
	return func(x *graph.Node) *graph.Node { return Stored(s, bias(op.ConvTranspose2D(x, w, c, o.More))) }
}

// parameters declares a convolution's weights, of a fan in of all axes but the last, and gives the layer that adds
// its biases.
func parameters(s *graph.Scope, init graph.Init, bias, zero bool, out int, shape ...int) (w *graph.Node,
	add Func) {
	byFan := graph.LinearUniform(shape[0] * shape[1] * shape[2])
	if init == nil {
		init = byFan
	}
	w = s.Param("weight", init, shape...)
	if !bias {
		return w, func(x *graph.Node) *graph.Node { return x }
	}
	start := byFan
	if zero {
		start = graph.Fill(0)
	}
	b := s.Param("bias", start, out)
	return w, func(x *graph.Node) *graph.Node { return op.Add(x, b) }
}
