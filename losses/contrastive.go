// Package losses holds the terms that more than one method uses. Where samples are compared with each other, or a
// statistic of the batch is taken, the caller or the loss gathers the rows of all ranks first.
package losses

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Eps keeps unit rows finite, as in PyTorch's F.normalize.
const Eps = 1e-12

// NTXent is the mean cross-entropy in nats of picking each view's partner among the other 2B-1. z [2B,D] has partners B
// rows apart and is scaled to unit rows here; tau is a cosine temperature.
//
// Chen et al. 2020, arXiv:2002.05709, eq. 1, with the views of all ranks as negatives, as in the authors' code.
func NTXent(s *graph.Scope, z *graph.Node, tau float64) *graph.Node {
	return ntxent(s, z, nil, func(sim *graph.Node) *graph.Node { return op.Scale(sim, 1/tau) })
}

// NTXentAt is NTXent at a temperature that changes with time, 0-d. The others among which a row of z picks its partner
// are rows of keys k [2B,D]; nil: of z.
func NTXentAt(s *graph.Scope, z, k, tau *graph.Node) *graph.Node {
	return ntxent(s, z, k, func(sim *graph.Node) *graph.Node { return op.Mul(sim, op.Reciprocal(tau)) })
}

// ntxent is NTXent whose cosines are divided by the temperature elsewhere.
func ntxent(s *graph.Scope, z, k *graph.Node, divided func(sim *graph.Node) *graph.Node) *graph.Node {
	own := op.ShapeOf(z)[0]
	u := s.AllRows(op.Normalize(z, Eps))
	n := op.ShapeOf(u)[0]
	partner := make([]int32, n)
	for i := range partner {
		partner[i] = int32(i/own*own + (i%own+own/2)%own)
	}
	cosines := op.Gram // [2B,D] -> [2B,2B]
	if k != nil {
		v := s.AllRows(op.Normalize(k, Eps))
		cosines = func(u *graph.Node) *graph.Node { return op.MatMul(u, v, false, true) }
	}
	sim := divided(cosines(u)) // [2B,2B]
	return op.MeanAll(op.CrossEntropy(op.MaskDiagonal(sim, -1e9), s.Ints(fmt.Sprintf("const/partner%d", n), partner),
		0))
}

// InfoNCE is the mean cross-entropy in nats of picking each row's partner of q [B,D], the same row of k [B,D], among it
// and negatives [K,D]; negatives nil: among all rows of k. Rows of q and k are scaled to unit length here, negatives
// have it. tau is a cosine temperature.
//
// van den Oord et al. 2018, arXiv:1807.03748, eq. 4, with cosines as in He et al. 2020, arXiv:1911.05722, eq. 1.
// Negatives belong to all ranks.
func InfoNCE(s *graph.Scope, q, k, negatives *graph.Node, tau float64) *graph.Node {
	q, k = op.Normalize(q, Eps), op.Normalize(k, Eps)
	if negatives == nil {
		q, k = s.AllRows(q), s.AllRows(k)
		own := make([]int32, op.ShapeOf(q)[0])
		for i := range own {
			own[i] = int32(i)
		}
		sim := op.MatMul(q, k, false, true) // [B,B]
		return op.MeanAll(op.CrossEntropy(op.Scale(sim, 1/tau), s.Ints(fmt.Sprintf("const/own%d", len(own)), own), 0))
	}
	return op.MeanAll(op.CrossEntropy(Logits(q, k, negatives, tau), First(s, op.ShapeOf(q)[0]), 0))
}

// First is n times 0: the partner's place where it is the first column.
func First(s *graph.Scope, n int) *graph.Node {
	return s.Ints(fmt.Sprintf("const/first%d", n), make([]int32, n))
}

// Logits are the cosines of unit rows q [B,D] with their partners k [B,D], the first column, and with negatives [K,D],
// over tau: [B,1+K].
func Logits(q, k, negatives *graph.Node, tau float64) *graph.Node {
	partner := op.SumAxes(op.Mul(q, k), true, 1)   // [B,1]
	others := op.MatMul(q, negatives, false, true) // [B,K]
	return op.Scale(op.Concat(1, partner, others), 1/tau)
}
