package kern

// GemmBatch is Gemm over batch products whose operands lie strideA, strideB and strideC elements apart; a stride of 0
// repeats A or B. scratch holds GemmBatchScratch elements.
func GemmBatch(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb,
	strideB int, c []float32, ldc, strideC int, beta float32, scratch []float32) {
	if batch == 0 || m == 0 || n == 0 {
		return
	}
	if !eachAlone(batch, m, n, k) {
		for i := range batch {
			Gemm(transA, transB, m, n, k, a[i*strideA:], lda, b[i*strideB:], ldb, c[i*strideC:], ldc, beta, scratch)
		}
		return
	}
	j := batches.get()
	j.bf16 = false
	j.one.set(transA, transB, m, n, k, lda, ldb, ldc, beta, false)
	j.each = j.one.panelFloats() + j.one.rowFloats()
	j.run(batch, 2*m*n*k, a, strideA, b, strideB, c, strideC, scratch)
	batches.put(j)
}

// GemmBatchScratch is how many elements of scratch GemmBatch wants.
func GemmBatchScratch(batch int, transA, transB bool, m, n, k int) int {
	if !eachAlone(batch, m, n, k) {
		return GemmScratch(transA, transB, m, n, k)
	}
	var g gemm
	g.set(transA, transB, m, n, k, 0, 0, 0, 0, false)
	return lineFloats + Threads()*(g.panelFloats()+g.rowFloats())
}

// eachAlone says whether a batch is better split over products than within them.
func eachAlone(batch, m, n, k int) bool {
	return batch >= 16 || batch > 1 && 2*m*n*k < 4*taskFlops
}

// gemmBatch is a GemmBatch under way: every worker computes whole products in scratch of its own.
type gemmBatch struct {
	bf16                      bool
	one                       gemm
	pairs                     pairGemm // instead of one, when bf16
	a, b, c                   []float32
	strideA, strideB, strideC int
	batch, group              int
	scratch                   []float32
	each                      int
	task                      func(task, worker int)
}

var batches = pile[gemmBatch]{bind: func(j *gemmBatch) { j.task = j.products }}

// run computes the products, each of so many flops.
func (j *gemmBatch) run(batch, flops int, a []float32, strideA int, b []float32, strideB int, c []float32, strideC int,
	scratch []float32) {
	j.a, j.b, j.c = a, b, c
	j.strideA, j.strideB, j.strideC = strideA, strideB, strideC
	j.scratch = align(scratch)
	// One task takes several small products, so that it is worth handing out.
	j.batch, j.group = batch, max(1, min(batch/(4*Threads()), taskFlops/(1+flops)))
	runLimited(ceil(batch, j.group), fits(j.scratch, j.each), j.task)
	j.a, j.b, j.c, j.scratch = nil, nil, nil, nil
}

func (j *gemmBatch) products(task, worker int) {
	scratch := j.scratch[worker*j.each : (worker+1)*j.each]
	for i := task * j.group; i < min((task+1)*j.group, j.batch); i++ {
		a, b, c := j.a[i*j.strideA:], j.b[i*j.strideB:], j.c[i*j.strideC:]
		if j.bf16 {
			j.pairs.alone(Values{F32: a}, Values{F32: b}, Values{F32: c}, scratch)
		} else {
			j.one.alone(a, b, c, scratch)
		}
	}
}
