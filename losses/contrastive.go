// Package losses holds the terms that more than one method uses. Where samples are compared with each other, or a statistic of the batch is taken,
// the caller or the loss gathers the rows of all ranks first.
package losses

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Eps keeps unit rows finite, as in PyTorch's F.normalize.
const Eps = 1e-12

// NTXent is the mean cross-entropy in nats of picking each view's partner among the other 2B-1. z [2B,D] has partners B rows apart
// and is scaled to unit rows here; tau is a cosine temperature.
//
// Chen et al. 2020, arXiv:2002.05709, eq. 1, with the views of all ranks as negatives, as in the authors' code.
func NTXent(s *graph.Scope, z *graph.Node, tau float64) *graph.Node {
	own := op.ShapeOf(z)[0]
	u := s.AllRows(op.Normalize(z, Eps))
	n := op.ShapeOf(u)[0]
	partner := make([]int32, n)
	for i := range partner {
		partner[i] = int32(i/own*own + (i%own+own/2)%own)
	}
	sim := op.Scale(op.Gram(u), 1/tau) // [2B,2B]
	return op.MeanAll(op.CrossEntropy(op.MaskDiagonal(sim, -1e9), s.Ints(fmt.Sprintf("const/partner%d", n), partner), 0))
}
