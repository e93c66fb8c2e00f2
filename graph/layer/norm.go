package layer

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// WeightNormLinear is x [N,in] -> [N,out] by rows of unit length, weights [out,in], of whose length a bias has no part: every result is the
// length of x times a cosine, and with a gain times a learned factor, gain [out,1], which starts at 1.
//
// Salimans and Kingma 2016, arXiv:1602.07868, eq. 2. The factors start at 1, not at the rows' lengths, as in DINO's head.
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

// GroupNorm normalises the channels of x [B,...,c] of every sample in groups of neighbours, each over all places together, then scales and
// shifts every channel (Wu and He 2018, arXiv:1803.08494, eq. 7), with an epsilon of 1e-5. With one channel a group it is instance norm.
func GroupNorm(s *graph.Scope, c, groups int) Func {
	if groups < 1 || c%groups != 0 {
		op.Fail(s.Path(), "group norm: %d channels in %d groups, want groups of one size", c, groups)
	}
	gamma, beta := s.Param("weight", graph.Fill(1), c), s.Param("bias", graph.Fill(0), c)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		apart := op.Reshape(x, shape[0], -1, groups, c/groups)
		centred := op.Sub(apart, op.Mean(apart, true, 1, 3))
		variance := op.Mean(op.Square(centred), true, 1, 3) // [B,1,groups,1]
		y := op.Mul(centred, op.Rsqrt(op.Shift(variance, normEps)))
		return op.Add(op.Mul(op.Reshape(y, shape...), gamma), beta)
	}
}

// Constants of ResponseNorm: its epsilon in ConvNeXt V2's code, and what is added to a sum of squares so that a map of zeros has a gradient of 0.
const (
	responseEps  = 1e-6
	responseZero = 1e-30
)

// ResponseNorm is global response normalisation of x [B,...,c]: each channel of a sample is multiplied by its length over all places, divided by
// the mean length of the channels, scaled and shifted, and x is added. Scale and shift start at 0.
//
// GRN of Woo et al. 2023, arXiv:2301.00808, section 4 and Alg. 1.
func ResponseNorm(s *graph.Scope, c int) Func {
	gamma, beta := s.Param("gamma", graph.Fill(0), c), s.Param("beta", graph.Fill(0), c)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		places := op.Reshape(x, shape[0], -1, c)
		length := op.Sqrt(op.Shift(op.SumAxes(op.Square(places), true, 1), responseZero)) // [B,1,c]
		share := op.Div(length, op.Shift(op.Mean(length, true, 2), responseEps))
		y := op.Add(op.Add(op.Mul(op.Mul(places, share), gamma), beta), places)
		return op.Reshape(y, shape...)
	}
}
