package kern

// GemmBF16 is Gemm with op(A) and op(B) rounded to bfloat16 (RoundBF16) on the way in; sums are in float32. Subnormal
// operands may count as 0. scratch holds GemmBF16Scratch elements.
func GemmBF16(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int,
	beta float32, scratch []float32) {
	GemmBF16Then(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, beta, scratch, nil)
}

// GemmBF16Then is to GemmBF16 what GemmThen is to Gemm.
func GemmBF16Then(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int,
	beta float32, scratch []float32, finish Finish) {
	GemmHalf(transA, transB, m, n, k, Values{F32: a}, lda, Values{F32: b}, ldb, Values{F32: c}, ldc, beta, scratch,
		finish)
}

// GemmHalf is GemmBF16Then for operands of either type. A result in bfloat16 is rounded once, after finish, and beta is
// 0 then. scratch holds GemmHalfScratch elements.
func GemmHalf(transA, transB bool, m, n, k int, a Values, lda int, b Values, ldb int, c Values, ldc int, beta float32,
	scratch []float32, finish Finish) {
	if c.BF16 != nil && beta != 0 {
		panic("kern: Gemm: a result in bfloat16 is not added to")
	}
	if gemmRoundsCopies(m, n, k) && m*k <= a.Len() && k*n <= b.Len() && lda == width(transA, m, k) &&
		ldb == width(transB, k, n) {
		a.F32, b.F32, scratch = roundCopies(a.first(m*k), Prologue{}, b.first(k*n), scratch)
		if c.BF16 == nil {
			GemmThen(transA, transB, m, n, k, a.F32, lda, b.F32, ldb, c.F32, ldc, beta, scratch, finish)
			return
		}
		size := roundUp(m*n, lineFloats)
		GemmThen(transA, transB, m, n, k, a.F32, lda, b.F32, ldb, scratch[:m*n], n, 0, scratch[size:], finish)
		for i := range m {
			Round(c.BF16[i*ldc:i*ldc+n], scratch[i*n:])
		}
		return
	}
	g := pairGemms.get()
	g.set(transA, transB, m, n, k, lda, ldb, ldc, beta, true)
	g.a, g.b, g.c, g.finish = a, b, c, finish
	if c.BF16 != nil {
		g.narrow()
	}
	g.check()
	if c.BF16 == nil && pairParts(m, n, k) > 1 {
		j := splits.get()
		j.set(true, transA, transB, m, n, k, lda, ldb, ldc, beta)
		j.run(a, b, c.F32, align(scratch), finish)
		splits.put(j)
	} else {
		g.product(align(scratch))
	}
	g.drop()
	pairGemms.put(g)
}

// gemmRoundsCopies says whether a product of densely stored matrices is the float32 one of rounded copies: the machine
// has no instruction for pairs, and there is enough to do.
func gemmRoundsCopies(m, n, k int) bool { return chosen < avx512bf16 && 2*m*n*k >= 16*taskFlops }

// width is the row length of a stored matrix whose op is [rows,cols].
func width(trans bool, rows, cols int) int {
	if trans {
		return rows
	}
	return cols
}

// GemmBF16Scratch is how many elements of scratch GemmBF16 wants.
func GemmBF16Scratch(transA, transB bool, m, n, k int) int {
	return GemmHalfScratch(transA, transB, m, n, k, false)
}

// GemmHalfScratch is how many elements of scratch GemmHalf wants; half says whether the result is in bfloat16.
func GemmHalfScratch(transA, transB bool, m, n, k int, half bool) int {
	need := pairGemmScratch(transA, transB, m, n, k, half)
	if gemmRoundsCopies(m, n, k) {
		copies := copiesFloats(m*k, k*n) + GemmScratch(transA, transB, m, n, k)
		if half {
			copies += roundUp(m*n, lineFloats)
		}
		need = max(need, copies)
	}
	return need
}

func pairGemmScratch(transA, transB bool, m, n, k int, half bool) int {
	if !half && pairParts(m, n, k) > 1 {
		return splitScratch(true, transA, transB, m, n, k)
	}
	var g pairGemm
	g.set(transA, transB, m, n, k, 0, 0, 0, 0, true)
	if half {
		g.narrow()
	}
	return lineFloats + g.sharedFloats() + Threads()*g.workerFloats()
}

// GemmBatchBF16 is GemmBatch with operands rounded to bfloat16. scratch holds GemmBatchBF16Scratch elements.
func GemmBatchBF16(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb,
	strideB int, c []float32, ldc, strideC int, beta float32, scratch []float32) {
	if batch == 0 || m == 0 || n == 0 {
		return
	}
	if !eachAlone(batch, m, n, k) {
		for i := range batch {
			GemmBF16(transA, transB, m, n, k, a[i*strideA:], lda, b[i*strideB:], ldb, c[i*strideC:], ldc, beta, scratch)
		}
		return
	}
	j := batches.get()
	j.bf16 = true
	j.pairs.set(transA, transB, m, n, k, lda, ldb, ldc, beta, false)
	j.each = j.pairs.sharedFloats() + j.pairs.workerFloats()
	j.run(batch, 2*m*n*k, a, strideA, b, strideB, c, strideC, scratch)
	batches.put(j)
}

// GemmBatchBF16Scratch is how many elements of scratch GemmBatchBF16 wants.
func GemmBatchBF16Scratch(batch int, transA, transB bool, m, n, k int) int {
	if !eachAlone(batch, m, n, k) {
		return GemmBF16Scratch(transA, transB, m, n, k)
	}
	var g pairGemm
	g.set(transA, transB, m, n, k, 0, 0, 0, 0, false)
	return lineFloats + Threads()*(g.sharedFloats()+g.workerFloats())
}
