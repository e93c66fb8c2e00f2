package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// NuclearNorm is the sum of the singular values of x [...,M,N], over all matrices where there are several. Its gradient
// is op.Polar of each.
func NuclearNorm(x *graph.Node) *graph.Node {
	return op.SumAll(op.Mul(op.StopGradient(op.Polar(x)), x))
}

// LogDet is the logarithm of the determinant of a symmetric positive definite a [N,N].
func LogDet(s *graph.Scope, a *graph.Node) *graph.Node {
	diagonal := op.SumAxes(op.Mul(op.InverseCholesky(a), s.Identity(op.ShapeOf(a)[0])), false, 1) // [N]
	return op.Scale(op.SumAll(op.Log(diagonal)), -2)
}
