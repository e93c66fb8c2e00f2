package kern

// Gram computes C = A A' [n,n] of A [n,k] or, with columns, C = A' A of A [k,n]; lda and ldc are row strides, in
// elements. The results are the bits of Gemm, for half the work: C is computed on and above its diagonal and mirrored.
// scratch holds GramScratch elements.
func Gram(columns bool, n, k int, a []float32, lda int, c []float32, ldc int, scratch []float32) {
	if k == 0 || splitParts(n, n, k) > 1 {
		Gemm(columns, !columns, n, n, k, a, lda, a, lda, c, ldc, 0, scratch)
		return
	}
	g := gemms.get()
	g.set(columns, !columns, n, n, k, lda, lda, ldc, 0, true)
	g.a, g.b, g.c, g.upper = a, a, c, true
	g.check()
	g.product(align(scratch))
	runLimited(ceil(n, mirrorBlock), 1<<30, g.mirrorTask)
	g.a, g.b, g.c, g.panels, g.rows, g.upper = nil, nil, nil, nil, nil, false
	gemms.put(g)
}

// GramScratch is how many elements of scratch Gram wants.
func GramScratch(columns bool, n, k int) int { return GemmScratch(columns, !columns, n, n, k) }

const mirrorBlock = 64 // rows and columns mirrored at a time

// mirror fills one block of rows left of the diagonal from the columns above it; the longest comes first.
func (g *gemm) mirror(task, _ int) {
	i0 := (ceil(g.m, mirrorBlock) - 1 - task) * mirrorBlock
	i1 := min(i0+mirrorBlock, g.m)
	for j0 := 0; j0 < i0; j0 += mirrorBlock {
		transpose(g.c[i0*g.ldc+j0:], g.ldc, g.c[j0*g.ldc+i0:], g.ldc, mirrorBlock, i1-i0)
	}
	for i := i0; i < i1; i++ {
		for j := i0; j < i; j++ {
			g.c[i*g.ldc+j] = g.c[j*g.ldc+i]
		}
	}
}
