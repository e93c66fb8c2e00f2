package optest

import "selfsup/graph/op"

// factorCases are the operations that factor matrices.
func factorCases() []Case {
	definite := func(x *op.Node) *op.Node { // [...,N,K] with K > N
		return op.MatMul(x, x, false, true)
	}
	nuclear := func(x *op.Node) *op.Node { return op.SumAll(op.Mul(op.Polar(x), x)) }
	return []Case{
		{Name: "inverse_cholesky", In: []Input{normal(4, 9)}, Tol: 1e-4,
			Build: one(func(x *op.Node) *op.Node { return op.InverseCholesky(definite(x)) })},
		{Name: "inverse_cholesky/one", In: []Input{positive(1, 1)}, Build: one(op.InverseCholesky)},
		{Name: "inverse_cholesky/stack", In: []Input{normal(3, 5, 12)}, Tol: 1e-4,
			Build: one(func(x *op.Node) *op.Node { return op.InverseCholesky(definite(x)) })},
		{Name: "inverse_cholesky/not symmetric", In: []Input{normal(3, 3)}, Tol: 1e-4,
			Build: one(func(x *op.Node) *op.Node {
				return op.InverseCholesky(op.Add(op.Scale(x, 0.3), op.MaskDiagonal(op.Scale(x, 0), 4)))
			})},
		{Name: "polar/tall", In: []Input{normal(7, 3)}, Inactive: []int{0}, Tol: 1e-4, Build: one(op.Polar)},
		{Name: "polar/wide", In: []Input{normal(2, 3, 8)}, Inactive: []int{0}, Tol: 1e-4, Build: one(op.Polar)},
		{Name: "polar/sum of singular values", In: []Input{normal(7, 3)}, Tol: 1e-4, Build: one(nuclear)},
		{Name: "polar/sum of a stack's", In: []Input{normal(4, 3, 6)}, Tol: 1e-4, Build: one(nuclear)},
	}
}
