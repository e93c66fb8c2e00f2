package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// KoLeo is minus the mean logarithm of the distance of each row of x [B,D], scaled to unit length, to the nearest other
// row: it spreads rows evenly over the sphere. Gradients reach both rows of a pair.
//
// Sablayrolles et al. 2019, arXiv:1806.03198, eq. 2; Oquab et al. 2023, arXiv:2304.07193, section 4. As in DINOv2's
// code 1e-8 is added to each coordinate of the difference and to the distance.
func KoLeo(s *graph.Scope, x *graph.Node) *graph.Node {
	u := s.AllRows(op.Normalize(x, koleoEps))
	nearest := op.Gather(u, op.Argmax(op.MaskDiagonal(op.StopGradient(op.Gram(u)), -1)))
	squares := op.SumAxes(op.Square(op.Shift(op.Sub(u, nearest), koleoEps)), false, 1) // [B]
	return op.Neg(op.MeanAll(op.Log(op.Shift(op.Sqrt(squares), koleoEps))))
}

const koleoEps = 1e-8
