package kern

import "fmt"

// A long sum over k with a small result, the weight gradient of a layer, has too few tiles to share out. Its k is cut into parts, each a
// whole product of one worker, and the parts are added in order.

// splitParts is how many parts a product's k is cut into, by shape alone; 1 leaves it whole.
func splitParts(m, n, k int) int {
	const most = 4 << 20 // floats of partial results
	if k < 4096 || k < 4*max(m, n) || m*n > 1<<19 || 2*m*n*k < 8*taskFlops {
		return 1
	}
	return max(1, min(16, k/512, most/(m*n)))
}

// gemmSplit is a product under way whose k is cut.
type gemmSplit struct {
	one               gemm // the shape of the longest part
	k, parts, ldc     int
	add               bool
	a, b, c           []float32
	partial, scratch  []float32
	each              int
	partTask, sumTask func(task, worker int)
}

var splits = pile[gemmSplit]{bind: func(j *gemmSplit) { j.partTask, j.sumTask = j.part, j.sum }}

func (j *gemmSplit) set(transA, transB bool, m, n, k, lda, ldb, ldc int, beta float32) {
	j.k, j.parts, j.ldc, j.add = k, splitParts(m, n, k), ldc, beta == 1
	j.one.set(transA, transB, m, n, ceil(k, j.parts), lda, ldb, n, 0, false)
	j.each = j.one.panelFloats() + j.one.rowFloats()
}

func (j *gemmSplit) partialFloats() int { return roundUp(j.parts*j.one.m*j.one.n, lineFloats) }

func (j *gemmSplit) run(a, b, c, scratch []float32) {
	size := j.partialFloats()
	if len(scratch) < size+j.each {
		panic(fmt.Sprintf("kern: Gemm: scratch has %d elements, [%d,%d]x[%d,%d] needs %d", len(scratch), j.one.m, j.k, j.k, j.one.n, lineFloats+size+j.each))
	}
	j.a, j.b, j.c, j.partial, j.scratch = a, b, c, scratch[:size], scratch[size:]
	runLimited(j.parts, fits(j.scratch, j.each), j.partTask)
	runLimited(ceil(j.one.m, j.sumRows()), 1<<30, j.sumTask)
	j.a, j.b, j.c, j.partial, j.scratch = nil, nil, nil, nil, nil
}

func (j *gemmSplit) part(task, worker int) {
	g := j.one // on the stack: it runs serially
	k0, k1 := cut(j.k, j.parts, task)
	g.k = k1 - k0
	stepA, stepB := 1, g.ldb
	if g.transA {
		stepA = g.lda
	}
	if g.transB {
		stepB = 1
	}
	g.a, g.b, g.c = j.a[k0*stepA:], j.b[k0*stepB:], j.partial[task*g.m*g.n:]
	g.product(j.scratch[worker*j.each : (worker+1)*j.each])
}

func (j *gemmSplit) sumRows() int { return max(1, sumFloats/j.one.n) }

func (j *gemmSplit) sum(task, _ int) {
	m, n := j.one.m, j.one.n
	for i := task * j.sumRows(); i < min((task+1)*j.sumRows(), m); i++ {
		c := j.c[i*j.ldc : i*j.ldc+n]
		if !j.add {
			clear(c)
		}
		for p := range j.parts {
			addTo(c, j.partial[(p*m+i)*n:(p*m+i+1)*n])
		}
	}
}
