package kern

import "fmt"

// A long sum over k with a small result, the weight gradient of a layer, has too few tiles to share out. Its k is cut
// into parts, each a whole product of one worker, and the parts are added in order.

const mostPartial = 4 << 20 // floats of partial results

// splitParts is how many parts a product's k is cut into, by shape alone; 1 leaves it whole.
func splitParts(m, n, k int) int {
	if k < 2048 || k < 4*max(m, n) || m*n > 1<<19 || 2*m*n*k < 8*taskFlops {
		return 1
	}
	return max(1, min(16, k/512, mostPartial/(m*n)))
}

// pairParts is splitParts for products in bfloat16, where packing is more of the work: a part packs for one worker, in
// its own cache.
func pairParts(m, n, k int) int {
	if k < 2048 || k < 2*max(m, n) || m*n > 1<<19 || 2*m*n*k < 8*taskFlops {
		return 1
	}
	return max(1, min(16, k/512, mostPartial/(m*n)))
}

// GemmSplits says whether the k of a product in bfloat16 is cut into parts. Its result is written in float32 only.
func GemmSplits(m, n, k int) bool { return pairParts(m, n, k) > 1 }

// gemmSplit is a product under way whose k is cut.
type gemmSplit struct {
	bf16              bool
	one               gemm     // the shape of the longest part
	pairs             pairGemm // instead of one, when bf16
	m, n, k           int
	transA, transB    bool
	lda, ldb, ldc     int
	parts             int
	add               bool
	a, b              Values
	c                 []float32
	finish            Finish // may be nil
	partial, scratch  []float32
	each              int
	partTask, sumTask func(task, worker int)
}

var splits = pile[gemmSplit]{bind: func(j *gemmSplit) { j.partTask, j.sumTask = j.part, j.sum }}

// splitScratch is how many elements of scratch a cut product wants.
func splitScratch(bf16, transA, transB bool, m, n, k int) int {
	var j gemmSplit
	j.set(bf16, transA, transB, m, n, k, 0, 0, 0, 0)
	return lineFloats + j.partialFloats() + Threads()*j.each
}

func (j *gemmSplit) set(bf16, transA, transB bool, m, n, k, lda, ldb, ldc int, beta float32) {
	j.bf16, j.transA, j.transB, j.m, j.n, j.k, j.lda, j.ldb, j.ldc = bf16, transA, transB, m, n, k, lda, ldb, ldc
	j.parts, j.add = splitParts(m, n, k), beta == 1
	if bf16 {
		j.parts = pairParts(m, n, k)
	}
	longest := ceil(k, j.parts)
	if bf16 {
		j.pairs.set(transA, transB, m, n, longest, lda, ldb, n, 0, false)
		j.pairs.deep(max(64, min(pairInner, splitBlock/(m+n)/pairDepth*pairDepth)))
		j.each = j.pairs.sharedFloats() + j.pairs.workerFloats()
		return
	}
	j.one.set(transA, transB, m, n, longest, lda, ldb, n, 0, false)
	j.each = j.one.panelFloats() + j.one.rowFloats()
}

// splitBlock is how many rounded elements of both operands a part has at hand.
const splitBlock = 1 << 19

func (j *gemmSplit) partialFloats() int { return roundUp(j.parts*j.m*j.n, lineFloats) }

func (j *gemmSplit) run(a, b Values, c, scratch []float32, finish Finish) {
	size := j.partialFloats()
	if len(scratch) < size+j.each {
		panic(fmt.Sprintf("kern: Gemm: scratch has %d elements, [%d,%d]x[%d,%d] needs %d", len(scratch), j.m, j.k, j.k,
			j.n, lineFloats+size+j.each))
	}
	j.a, j.b, j.c, j.partial, j.scratch, j.finish = a, b, c, scratch[:size], scratch[size:], finish
	runLimited(j.parts, fits(j.scratch, j.each), j.partTask)
	runLimited(ceil(j.m, j.sumRows()), 1<<30, j.sumTask)
	j.a, j.b, j.c, j.partial, j.scratch, j.finish = Values{}, Values{}, nil, nil, nil, nil
}

func (j *gemmSplit) part(task, worker int) {
	k0, k1 := cut(j.k, j.parts, task)
	stepA, stepB := 1, j.ldb
	if j.transA {
		stepA = j.lda
	}
	if j.transB {
		stepB = 1
	}
	a, b, c := j.a.From(k0*stepA), j.b.From(k0*stepB), j.partial[task*j.m*j.n:]
	scratch := j.scratch[worker*j.each : (worker+1)*j.each]
	if j.bf16 {
		g := j.pairs
		g.k = k1 - k0
		g.alone(a, b, Values{F32: c}, scratch)
	} else {
		g := j.one
		g.k = k1 - k0
		g.alone(a.F32, b.F32, c, scratch)
	}
}

func (j *gemmSplit) sumRows() int { return max(1, sumFloats/j.n) }

func (j *gemmSplit) sum(task, _ int) {
	m, n := j.m, j.n
	i0, i1 := task*j.sumRows(), min((task+1)*j.sumRows(), m)
	for i := i0; i < i1; i++ {
		c := j.c[i*j.ldc : i*j.ldc+n]
		if !j.add {
			clear(c)
		}
		for p := range j.parts {
			addTo(c, j.partial[(p*m+i)*n:(p*m+i+1)*n])
		}
	}
	if j.finish != nil {
		j.finish(j.c[i0*j.ldc:], j.ldc, i0, i1, 0, n)
	}
}
