package layer

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// WeightNormLinear is x [N,in] -> [N,out] by the rows of weight [out,in], each divided by its length. It has no bias:
// every result is the length of x times a cosine, and with a gain also times a learned factor, gain [out,1], that
// starts at 1.
//
// Salimans and Kingma 2016, arXiv:1602.07868, eq. 2. The factors start at 1, not at the rows' lengths, as in DINO's
// head.
func WeightNormLinear(s *graph.Scope, in, out int, gain bool) Func {
	w := s.Param("weight", graph.LinearUniform(in), out, in)
	var g *graph.Node
	if gain {
		g = s.Param("gain", graph.Fill(1), out, 1)
	}
	return func(x *graph.Node) *graph.Node {
		rows := op.Normalize(w, rowEps)
		if g != nil {
			rows = op.Mul(rows, g)
		}
		return op.Apply(op.MatMulOp{TransB: true, BF16: s.BF16()}, x, rows)
	}
}

// rowEps is the least length that a row is divided by, as in PyTorch's normalize.
const rowEps = 1e-12

// GroupNorm normalises the channels of x [B,...,Channels] of every sample in groups of neighbours, each over all places
// together, then scales and shifts every channel (Wu and He 2018, arXiv:1803.08494, eq. 7). With as many groups as
// channels it is instance norm.
type GroupNorm struct {
	Channels, Groups int
	Eps              float64 // 0: 1e-5, as in PyTorch
}

// New declares weight and bias in s.
func (o GroupNorm) New(s *graph.Scope) Func {
	if o.Groups < 1 || o.Channels%o.Groups != 0 {
		op.Fail(s.Path(), "group norm: %d channels in %d groups, want groups of one size", o.Channels, o.Groups)
	}
	gamma, beta := s.Param("weight", graph.Fill(1), o.Channels), s.Param("bias", graph.Fill(0), o.Channels)
	eps := cmp.Or(o.Eps, normEps)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		places := op.Reshape(x, shape[0], -1, o.Channels)
		centred := op.Sub(places, o.mean(places))
		scale := op.Mul(op.Rsqrt(op.Shift(o.mean(op.Square(centred)), eps)), gamma)
		return op.Reshape(op.Add(op.Mul(centred, scale), beta), shape...)
	}
}

// mean is of every group of x [B,P,Channels] over all places, at each of its channels, [B,1,Channels]. It takes the
// places first, as rows of channels are added up faster than the few channels of a group.
func (o GroupNorm) mean(x *graph.Node) *graph.Node {
	each := op.Mean(x, true, 1)
	size := o.Channels / o.Groups
	if size == 1 {
		return each
	}
	b := op.ShapeOf(x)[0]
	groups := op.Mean(op.Reshape(each, b, o.Groups, size), true, 2)
	return op.Reshape(op.BroadcastTo(groups, ir.Shape{b, o.Groups, size}), b, 1, o.Channels)
}

// ResponseNorm is global response normalisation of x [B,...,Channels]: each channel of a sample is multiplied by its
// length over all places, divided by the mean length of the channels, scaled and shifted, and x is added. Scale and
// shift start at 0.
//
// GRN of Woo et al. 2023, arXiv:2301.00808, section 4 and Alg. 1.
type ResponseNorm struct {
	Channels int
	// the length over all places of the batch, as MinkowskiGRN of the authors' sparse code has it; else of each sample
	Batch bool
	Eps   float64 // of the mean length; 0: 1e-6, as in ConvNeXt V2's code
}

// Constants of ResponseNorm: its usual epsilon, and what is added to a sum of squares so that a channel of zeros has a
// gradient of 0.
const (
	responseEps  = 1e-6
	responseZero = 1e-30
)

// New declares gamma and beta in s.
func (o ResponseNorm) New(s *graph.Scope) Func {
	gamma, beta := s.Param("gamma", graph.Fill(0), o.Channels), s.Param("beta", graph.Fill(0), o.Channels)
	eps := cmp.Or(o.Eps, responseEps)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		samples := shape[0]
		if o.Batch {
			samples = 1
		}
		places := op.Reshape(x, samples, -1, o.Channels)
		squares := op.SumAxes(op.Square(places), true, 1) // [B,1,Channels]
		if o.Batch {
			squares = op.SumAxes(s.AllRows(squares), true, 0)
		}
		length := op.Sqrt(op.Shift(squares, responseZero))
		share := op.Div(length, op.Shift(op.Mean(length, true, 2), eps))
		y := op.Add(op.Add(op.Mul(op.Mul(places, share), gamma), beta), places)
		return op.Reshape(y, shape...)
	}
}
