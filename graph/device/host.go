package device

import "selfsup/graph/cpu/kern"

// What the host computes that is no program of a graph, such as the solver of a linear probe, it computes by these.

// Parallel calls task(0) to task(n-1), at the same time on the threads of Host.
func Parallel(n int, task func(i int)) { kern.Run(n, task) }

// Gemm is C = op(A) op(B) + beta C in float32 with rows lda, ldb and ldc apart: op(A) is [m,k], op(B) [k,n], each
// transposed where trans says so. scratch has GemmScratch floats. Results are the same bits on any number of threads.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int,
	beta float32, scratch []float32) {
	kern.Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, beta, scratch)
}

// GemmScratch is the floats of working memory that Gemm wants.
func GemmScratch(transA, transB bool, m, n, k int) int {
	return kern.GemmScratch(transA, transB, m, n, k)
}
