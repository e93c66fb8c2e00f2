package heads

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// IterNorm whitens the dimensions of x [B,in] in groups of neighbours over the batch, then scales and shifts each. The
// inverse root of a group's covariance comes from so many of Newton's iterations.
//
//	S = cov + 1e-5 I,  P_0 = I,  P_t = (3 P_{t-1} - P_{t-1}^3 S/tr S) / 2,  y = P_T/sqrt(tr S) (x - mean)
//
// Huang, Zhou, Zhu, Liu, Shao, CVPR 2019, arXiv:1904.03441, Alg. 1. It always takes the statistics of the batch: as the
// end of a projector it is not evaluated, and has no running ones.
type IterNorm struct {
	Group      int // dimensions of a group
	Iterations int // T, 5 in the paper
}

// New declares weight and bias in s.
func (o IterNorm) New(s *graph.Scope, in int) layer.Func {
	if in%o.Group != 0 {
		op.Fail(s.Path(), "iterative normalisation: %d dimensions in groups of %d; want groups of one size", in,
			o.Group)
	}
	gamma, beta := s.Param("weight", graph.Fill(1), in), s.Param("bias", graph.Fill(0), in)
	return func(x *graph.Node) *graph.Node {
		rows := s.AllRows(x)
		n, groups := op.ShapeOf(rows)[0], in/o.Group
		centred := op.Reshape(op.Sub(rows, op.Mean(rows, true, 0)), n, groups, o.Group)
		centred = op.Transpose(centred, 1, 0, 2) // [G,B,d]
		eye := s.Identity(o.Group)
		cov := op.Add(op.Scale(op.MatMul(centred, centred, true, false), 1/float64(n)), op.Scale(eye, 1e-5)) // [G,d,d]
		trace := op.SumAxes(op.Mul(cov, eye), true, 1, 2)                                                    // [G,1,1]
		share := op.Div(cov, trace)
		p := op.Add(op.Scale(share, 0), eye)
		for range o.Iterations {
			cube := op.MatMul(op.MatMul(p, p, false, false), p, false, false)
			p = op.Sub(op.Scale(p, 1.5), op.Scale(op.MatMul(cube, share, false, false), 0.5))
		}
		white := op.Mul(op.MatMul(centred, p, false, false), op.Rsqrt(trace)) // [G,B,d]
		y := op.Reshape(op.Transpose(white, 1, 0, 2), n, in)
		return op.Add(op.Mul(y, gamma), beta)
	}
}
