package masked

import (
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/losses"
)

// nearestCode is the row of a codebook [K,D] nearest to each row of z [N,D], int32 [N]. It has no gradient.
func nearestCode(z, codebook *graph.Node) *graph.Node {
	z, codebook = op.StopGradient(z), op.StopGradient(codebook)
	squares := op.Reshape(op.SumAxes(op.Square(codebook), false, 1), 1, -1)
	return op.Argmax(op.Sub(op.Scale(op.MatMul(z, codebook, false, true), 2), squares))
}

// straight is q whose gradient reaches z as it is: the straight-through estimator (Bengio et al. 2013,
// arXiv:1308.3432).
func straight(z, q *graph.Node) *graph.Node { return op.Add(z, op.StopGradient(op.Sub(q, z))) }

// commitment is beta times the mean squared difference of z and the codes q, which it does not reach.
func commitment(z, q *graph.Node, beta float64) *graph.Node {
	return op.Scale(losses.MSE(z, op.StopGradient(q)), beta)
}

// assigned is how many rows of z [N,D] have each code [K], and their sums [K,D].
func assigned(s *graph.Scope, z, codes *graph.Node, k int) (counts, sums *graph.Node) {
	one := losses.OneHot(s, codes, k) // [N,K]
	return op.SumAxes(one, false, 0), op.MatMul(one, op.StopGradient(z), true, false)
}

// Codebook is moving means of how many vectors a code has, and of their sum.
//
// Van den Oord et al. 2017, arXiv:1711.00937, appendix A.1; counts are smoothed as in Sonnet's code.
type Codebook struct {
	Counts, Sums *graph.Node // [K], [K,D]
	Decay, Eps   float64
}

// Codes are the vectors [K,D].
func (c Codebook) Codes() *graph.Node {
	k := op.ShapeOf(c.Counts)[0]
	n := op.SumAll(c.Counts)
	smooth := op.Mul(op.Div(op.Shift(c.Counts, c.Eps), op.Shift(n, float64(k)*c.Eps)), n)
	return op.Div(c.Sums, op.Reshape(smooth, k, 1))
}

// Next is the codebook after vectors z [N,D] were given codes [N].
func (c Codebook) Next(s *graph.Scope, z, codes *graph.Node) Codebook {
	counts, sums := assigned(s, z, codes, op.ShapeOf(c.Counts)[0])
	decay := s.Constant(c.Decay)
	return Codebook{Counts: op.Lerp(c.Counts, counts, decay), Sums: op.Lerp(c.Sums, sums, decay), Decay: c.Decay,
		Eps: c.Eps}
}

// nextDirections is a codebook of unit rows [K,D] after unit vectors z [N,D] were given codes [N]: each code moves to
// the mean direction of its vectors, and one without any stays. Peng et al. 2022, arXiv:2208.06366, section 2.1, as in
// the authors' code.
func nextDirections(s *graph.Scope, codebook, z, codes *graph.Node, decay float64) *graph.Node {
	k := op.ShapeOf(codebook)[0]
	counts, sums := assigned(s, z, codes, k)
	some := op.Reshape(op.Less(op.Scale(counts, 0), counts), k, 1) // 1 where a code has vectors
	mean := op.Add(op.Mul(op.Normalize(sums, losses.Eps), some), op.Mul(codebook, op.Affine(some, -1, 1)))
	return op.Normalize(op.Lerp(codebook, mean, s.Constant(decay)), losses.Eps)
}

// restarted is a codebook [K,D] in which codes that have fewer than least vectors of a batch, by a moving mean that
// starts at 0, are vectors of this batch, drawn anew in every step until enough have them. z [N,D] were given codes
// [N].
// Dhariwal et al. 2020, arXiv:2005.00341, section 3.1, as in the authors' code.
func restarted(s *graph.Scope, codebook, z, codes *graph.Node, decay, least float64) *graph.Node {
	k, n := op.ShapeOf(codebook)[0], op.ShapeOf(z)[0]
	counts, _ := assigned(s, z, codes, k)
	had := s.State("had", graph.Fill(0), k)
	has := op.Lerp(had, counts, s.Constant(decay))
	s.Update(had, has)
	places := op.Int(op.Scale(s.Random("drawn").Uniform(k), float64(n)*(1-1e-6))) // below n when rounded, too
	drawn := op.Gather(op.StopGradient(z), places)                                // [K,D]
	enough := op.Reshape(op.Less(s.Constant(least), has), k, 1)
	return op.Add(op.Mul(codebook, enough), op.Mul(drawn, op.Affine(enough, -1, 1)))
}

// perplexity is exp of the entropy of how often codes [N] of k are used.
func perplexity(s *graph.Scope, codes *graph.Node, k int) *graph.Node {
	p := op.Mean(losses.OneHot(s, codes, k), false, 0)
	return op.Exp(op.Neg(op.SumAll(op.Mul(p, op.Log(op.Shift(p, 1e-10))))))
}

// rowsOf is maps or tokens as rows [N,D].
func rowsOf(x *graph.Node) *graph.Node { return op.Reshape(x, -1, op.ShapeOf(x).Last()) }

// likeMap is rows in the shape of maps, with channels of their own.
func likeMap(rows *graph.Node, at ir.Shape) *graph.Node {
	shape := append(append(ir.Shape{}, at[:len(at)-1]...), op.ShapeOf(rows).Last())
	return op.Reshape(rows, shape...)
}
