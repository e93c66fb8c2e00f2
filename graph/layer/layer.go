// Package layer holds the layers that backbones and heads are made of. Each is a constructor that declares its
// parameters in a scope and returns the layer as a function of a node; calling that twice, or constructing it twice in
// one scope, shares the weights.
package layer

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Func is a layer, or a network of them.
type Func = func(x *graph.Node) *graph.Node

// Chain applies layers in order.
func Chain(fs ...Func) Func {
	return func(x *graph.Node) *graph.Node {
		for _, f := range fs {
			x = f(x)
		}
		return x
	}
}

// Linear is x [N,in] -> x w + b [N,out], weights [in,out], initialised as PyTorch's nn.Linear. Without bias it has
// none.
func Linear(s *graph.Scope, in, out int, bias bool) Func {
	w := s.Param("weight", graph.LinearUniform(in), in, out)
	if !bias {
		return func(x *graph.Node) *graph.Node { return Product(s, x, w) }
	}
	b := s.Param("bias", graph.LinearUniform(in), out)
	return func(x *graph.Node) *graph.Node { return op.Add(Product(s, x, w), b) }
}

// Product is x [N,in] times weights w [in,out], in the graph's precision.
func Product(s *graph.Scope, x, w *graph.Node) *graph.Node {
	return op.Apply(op.MatMulOp{BF16: s.BF16()}, x, w)
}

// Conv is a square convolution without bias, x [B,H,W,in] -> [B,H',W',out], weights [k,k,in,out], padded by k/2. Its
// weights are drawn for the fan out, as ResNets are (He et al. 2015, arXiv:1502.01852, section 2.2, backward case). The
// result is Stored.
func Conv(s *graph.Scope, in, out, kernel, stride int) Func {
	w := s.Param("weight", graph.KaimingNormal(kernel*kernel*out), kernel, kernel, in, out)
	c := op.Conv{Stride: [2]int{stride, stride}, Pad: [2]int{kernel / 2, kernel / 2}, BF16: s.BF16()}
	return func(x *graph.Node) *graph.Node { return Stored(s, op.Conv2D(x, w, c)) }
}

// Stored is x as it is kept for the backward pass: in a graph of bfloat16 precision it is rounded, so that it takes
// half the memory.
func Stored(s *graph.Scope, x *graph.Node) *graph.Node {
	if s.BF16() {
		return op.Round(x)
	}
	return x
}

// storedBoth is Stored with the gradient rounded too.
func storedBoth(s *graph.Scope, x *graph.Node) *graph.Node {
	if s.BF16() {
		return op.RoundBoth(x)
	}
	return x
}

// Constants of batch normalisation, as in PyTorch.
const (
	normEps      = 1e-5
	normMomentum = 0.1
)

// BatchNorm normalises every channel of x [...,c] over all other axes, then scales and shifts (Ioffe and Szegedy 2015,
// arXiv:1502.03167, Alg. 1). In training it uses the batch's statistics and moves the running ones by a tenth, the
// variance unbiased as in PyTorch; in evaluation it uses the running ones.
func BatchNorm(s *graph.Scope, c int) Func {
	gamma := s.Param("weight", graph.Fill(1), c)
	beta := s.Param("bias", graph.Fill(0), c)
	return batchNorm(s, c, gamma, beta)
}

// BatchNormPlain is BatchNorm without scale and shift.
func BatchNormPlain(s *graph.Scope, c int) Func { return batchNorm(s, c) }

func batchNorm(s *graph.Scope, c int, affine ...*graph.Node) Func {
	running := s.State("running", graph.Rows(0, 1), 2, c)
	return func(x *graph.Node) *graph.Node {
		if !s.Training() {
			return op.BatchNorm(x, running, op.BN{Eps: normEps, Frozen: true}, affine...)
		}
		stats := s.BatchStatistics(op.BatchStats(x))
		n := op.ShapeOf(x).Size() / c
		if !s.IsAside() {
			s.Evolve(running, func(r *graph.Node) *graph.Node { return op.RunningStats(r, stats, normMomentum, n) })
		}
		return op.BatchNorm(x, stats, op.BN{Eps: normEps}, affine...)
	}
}

// Relu is max(x, 0).
func Relu(x *graph.Node) *graph.Node { return op.Relu(x) }
