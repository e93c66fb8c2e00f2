package kern

import "fmt"

// GemmBF16 is Gemm with op(A) and op(B) rounded to bfloat16 (RoundBF16) on the way in; sums are in float32. Subnormal operands may count as 0.
// scratch holds GemmBF16Scratch elements.
func GemmBF16(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, beta float32, scratch []float32) {
	GemmBF16Then(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, beta, scratch, nil)
}

// GemmBF16Then is to GemmBF16 what GemmThen is to Gemm.
func GemmBF16Then(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, beta float32, scratch []float32, finish Finish) {
	GemmHalf(transA, transB, m, n, k, Values{F32: a}, lda, Values{F32: b}, ldb, Values{F32: c}, ldc, beta, scratch, finish)
}

// GemmHalf is GemmBF16Then for operands of either type. A result in bfloat16 is rounded once, after finish, and beta is 0 then. scratch holds
// GemmHalfScratch elements.
func GemmHalf(transA, transB bool, m, n, k int, a Values, lda int, b Values, ldb int, c Values, ldc int, beta float32, scratch []float32, finish Finish) {
	if c.BF16 != nil && beta != 0 {
		panic("kern: Gemm: a result in bfloat16 is not added to")
	}
	if gemmRoundsCopies(m, n, k) && m*k <= a.Len() && k*n <= b.Len() && lda == width(transA, m, k) && ldb == width(transB, k, n) {
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

// gemmRoundsCopies says whether a product of densely stored matrices is the float32 one of rounded copies: the machine has no instruction for
// pairs, and there is enough to do.
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
func GemmBatchBF16(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb, strideB int, c []float32, ldc, strideC int, beta float32, scratch []float32) {
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

// The blocks of a product.
const (
	pairRowBlock  = 128     // rows of A of a task, a few bands
	pairSharedTop = 1024    // rows of A up to which all of them are rounded first, so that tasks may share them
	pairKC        = 2048    // depth of a block
	pairInner     = 512     // depth of a call: its panel stays in L1
	pairPanels    = 2 << 20 // elements of a block of B
	pairPackDepth = 256     // depth of a packing task
	pairPackRun   = 16      // and its panels
	pairTaskFlops = 1 << 22 // the least work worth a task of its own
)

// pairGemm is one product under way. Each element of a block of A and of B is rounded once: B and, where rows are few, A into scratch that
// all workers share, else each task its rows of A.
type pairGemm struct {
	transA, transB bool
	m, n, k        int
	lda, ldb, ldc  int
	add            bool // beta is 1
	parallel       bool
	a, b, c        Values
	finish         Finish // may be nil
	half           bool   // c is in bfloat16: a task computes some panels of its rows aside
	kc, nc         int    // depth and columns of a block, the last may be less
	shared         bool   // all rows of A are rounded first

	// The block at hand: columns j0 to j0+nb, rows p0 to p0+kb, kp with the zeros behind them.
	j0, nb, p0, kb, kp int
	panels             []uint16 // [ceil(nb/32)][kp/2][32][2]
	rows               []uint16 // [m][stride], when shared
	scratch            []float32
	packsA             int // packing tasks that take A, the first
	rowTasks, colTasks int // cuts of the product

	packTask, tileTask func(task, worker int)
}

var pairGemms = pile[pairGemm]{bind: func(g *pairGemm) { g.packTask, g.tileTask = g.pack, g.tiles }}

func (g *pairGemm) set(transA, transB bool, m, n, k, lda, ldb, ldc int, beta float32, parallel bool) {
	checkBeta(beta)
	g.transA, g.transB, g.m, g.n, g.k = transA, transB, m, n, k
	g.lda, g.ldb, g.ldc, g.add, g.parallel = lda, ldb, ldc, beta == 1, parallel
	g.shared, g.half = !parallel || m <= pairSharedTop, false
	g.deep(pairKC)
}

// narrow makes c one of bfloat16. Its sums are whole before they are rounded, so the depth is one block.
func (g *pairGemm) narrow() {
	g.half = true
	g.deep(max(g.k, 1))
}

// inPlace says whether rows of A are read where they are.
func (g *pairGemm) inPlace() bool {
	return g.a.BF16 != nil && !g.transA && g.k%pairDepth == 0 && g.kc%pairDepth == 0
}

// deep sets the blocks by the largest depth.
func (g *pairGemm) deep(kc int) {
	g.kc = roundUp(ceil(g.k, max(1, ceil(g.k, kc))), pairDepth)
	g.nc = min(roundUp(g.n, pairColumns), roundUp(pairPanels/max(g.kc, pairDepth), pairColumns))
}

// pairStride is the distance of rounded rows of A of depth kp: an odd number of lines, so that neighbours do not share cache sets.
func pairStride(kp int) int { return (kp/pairDepth | 1) * pairDepth }

// panelFloats is the size of the panels of a block of B.
func (g *pairGemm) panelFloats() int { return g.nc / pairColumns * (g.kc*pairColumns + pairPanel) / 2 }

// sharedFloats is the size of what all workers share.
func (g *pairGemm) sharedFloats() int {
	if !g.shared {
		return g.panelFloats()
	}
	return g.panelFloats() + g.m*pairStride(g.kc)/2
}

// workerFloats is the size of one worker's own scratch.
func (g *pairGemm) workerFloats() int {
	size := turnFloats
	if !g.shared {
		size += pairRowBlock * pairStride(g.kc) / 2
	}
	if g.half {
		size += pairRowBlock * asideColumns
	}
	return size
}

// asideColumns are the columns of a result in bfloat16 that are computed at a time, in float32.
const asideColumns = 4 * pairColumns

func (g *pairGemm) check() {
	checkProduct(g.transA, g.transB, g.m, g.n, g.k, g.a.Len(), g.lda, g.b.Len(), g.ldb, g.c.Len(), g.ldc)
}

func (g *pairGemm) drop() {
	g.a, g.b, g.c, g.finish, g.panels, g.rows, g.scratch = Values{}, Values{}, Values{}, nil, nil, nil, nil
}

// product walks the blocks: round them, then multiply.
func (g *pairGemm) product(scratch []float32) {
	if g.m == 0 || g.n == 0 {
		return
	}
	if g.k == 0 {
		g.empty(scratch)
		return
	}
	size := g.sharedFloats()
	if len(scratch) < size+g.workerFloats() {
		panic(fmt.Sprintf("kern: Gemm: scratch has %d elements, [%d,%d]x[%d,%d] needs %d", len(scratch), g.m, g.k, g.k, g.n, lineFloats+size+g.workerFloats()))
	}
	g.panels, g.rows = bf16s(scratch[:g.panelFloats()]), bf16s(scratch[g.panelFloats():size])
	g.scratch = scratch[size:]
	for g.p0 = 0; g.p0 < g.k; g.p0 += g.kc {
		g.kb = min(g.kc, g.k-g.p0)
		g.kp = roundUp(g.kb, pairDepth)
		for g.j0 = 0; g.j0 < g.n; g.j0 += g.nc {
			g.nb = min(g.nc, g.n-g.j0)
			g.block()
		}
	}
}

// block multiplies with one block of B.
func (g *pairGemm) block() {
	panels := ceil(g.nb, pairColumns)
	g.packsA = 0
	if g.shared && g.j0 == 0 && !g.inPlace() {
		g.packsA = ceil(g.m, pairRowBlock)
		if g.transA {
			g.packsA = ceil(g.kp, pairPackDepth) // along what is stored
		}
	}
	g.rowTasks, g.colTasks = ceil(g.m, pairRowBlock), 1
	if g.shared {
		most := min(1+2*g.m*g.nb*g.kb/pairTaskFlops, 4*Threads()) // tasks worth having
		for g.rowTasks*g.colTasks < most && g.colTasks < panels {
			g.colTasks *= 2
		}
		g.colTasks = min(g.colTasks, panels)
	}
	packs := g.packsA + ceil(panels, pairPackRun)*ceil(g.kp, pairPackDepth)
	workers := fits(g.scratch, g.workerFloats())
	if g.parallel && packs > 1 && (g.nb+g.m)*g.kb > 1<<14 {
		runLimited(packs, workers, g.packTask)
	} else {
		for i := range packs {
			g.pack(i, 0)
		}
	}
	if tasks := g.rowTasks * g.colTasks; g.parallel && tasks > 1 {
		runLimited(tasks, workers, g.tileTask)
	} else {
		for i := range tasks {
			g.tiles(i, 0)
		}
	}
}

// alone computes a product on the caller, with a copy of g on the stack.
func (g *pairGemm) alone(a, b, c Values, scratch []float32) {
	one := *g
	one.a, one.b, one.c = a, b, c
	one.check()
	one.product(scratch)
}

// own is the worker's scratch: the temporary of the packers, and a block of rows of A.
func (g *pairGemm) own(worker int) (tmp []float32, rows []uint16) {
	s := g.scratch[worker*g.workerFloats() : (worker+1)*g.workerFloats()]
	return s[:turnFloats], bf16s(s[turnFloats:])
}

// aside is where a worker computes columns of a result in bfloat16.
func (g *pairGemm) aside(worker int) []float32 {
	s := g.scratch[worker*g.workerFloats() : (worker+1)*g.workerFloats()]
	return s[len(s)-pairRowBlock*asideColumns:]
}

// pack rounds one block of rows of A, a piece of all of them where they are stored transposed, or a piece of a run of panels of B.
func (g *pairGemm) pack(task, worker int) {
	tmp, _ := g.own(worker)
	ld := pairStride(g.kp)
	if task < g.packsA && !g.transA {
		i0, i1 := cut(g.m, g.packsA, task)
		g.packRows(g.rows[i0*ld:i1*ld], i0, i1, tmp)
		return
	}
	inA := task < g.packsA
	if !inA {
		task -= g.packsA
	}
	deep := ceil(g.kp, pairPackDepth)
	p0 := task % deep * pairPackDepth
	kb, kp := min(pairPackDepth, g.kb-p0), min(pairPackDepth, g.kp-p0)
	if inA {
		g.packTurned(g.rows[p0:], ld, g.a.From((g.p0+p0)*g.lda), g.m, kb, kp, tmp)
		return
	}
	first := task / deep * pairPackRun
	last := min(first+pairPackRun, ceil(g.nb, pairColumns))
	dst := g.panels[first*g.panelStep()+p0*pairColumns:]
	j, n := first*pairColumns, min(g.nb, last*pairColumns)-first*pairColumns
	if !g.transB {
		b := g.b.From((g.p0+p0)*g.ldb + g.j0 + j)
		if b.BF16 != nil {
			packPanelsHalf(dst, g.panelStep(), b.BF16, g.ldb, kb, n, kp)
		} else {
			packPanels(dst, g.panelStep(), b.F32, g.ldb, kb, n, kp)
		}
		return
	}
	for q := first; q < last; q++ {
		j := q * pairColumns
		panel, b, n := dst[(q-first)*g.panelStep():][:kp*pairColumns], g.b.From((g.j0+j)*g.ldb+g.p0+p0), min(pairColumns, g.nb-j)
		if b.BF16 != nil {
			packPairsTransposedHalf(panel, b.BF16, g.ldb, kb, n, kp, tmp)
		} else {
			packPairsTransposed(panel, b.F32, g.ldb, kb, n, kp, tmp)
		}
	}
}

// panelStep is the distance of panels, in elements: a line pair beyond their size, so that neighbours do not share cache sets.
func (g *pairGemm) panelStep() int { return g.kp*pairColumns + pairPanel }

// packRows rounds rows i0 to i1 of the block of A.
func (g *pairGemm) packRows(dst []uint16, i0, i1 int, tmp []float32) {
	ld := pairStride(g.kp)
	if g.transA {
		g.packTurned(dst, ld, g.a.From(g.p0*g.lda+i0), i1-i0, g.kb, g.kp, tmp)
		return
	}
	if a := g.a.From(i0*g.lda + g.p0); a.BF16 != nil {
		packRowsHalf(dst, ld, a.BF16, g.lda, i1-i0, g.kb, g.kp)
	} else {
		packRowsBF16(dst, ld, a.F32, g.lda, i1-i0, g.kb, g.kp)
	}
}

// packTurned rounds m rows of what is stored transposed from a on.
func (g *pairGemm) packTurned(dst []uint16, ld int, a Values, m, kb, kp int, tmp []float32) {
	if a.BF16 != nil {
		packRowsTransposedHalf(dst, ld, a.BF16, g.lda, m, kb, kp, tmp)
	} else {
		packRowsTransposed(dst, ld, a.F32, g.lda, m, kb, kp, tmp)
	}
}

// empty is the product of no depth.
func (g *pairGemm) empty(scratch []float32) {
	for i := range g.m {
		row := scratch[:0]
		if g.half {
			row = scratch[:g.n]
		} else {
			row = g.c.F32[i*g.ldc : i*g.ldc+g.n]
		}
		if !g.add {
			clear(row)
		}
		if g.finish != nil {
			g.finish(row, g.n, i, i+1, 0, g.n)
		}
		if g.half {
			Round(g.c.BF16[i*g.ldc:i*g.ldc+g.n], row)
		}
	}
}

// tiles multiplies one block of rows with one run of panels.
func (g *pairGemm) tiles(task, worker int) {
	i0, i1 := cut(g.m, g.rowTasks, task%g.rowTasks)
	q0, q1 := cut(ceil(g.nb, pairColumns), g.colTasks, task/g.rowTasks)
	ld := pairStride(g.kp)
	rows := g.rows
	switch {
	case g.inPlace():
		ld, rows = g.lda, g.a.BF16[i0*g.lda+g.p0:]
	case g.shared:
		rows = rows[i0*ld:]
	default:
		var tmp []float32
		tmp, rows = g.own(worker)
		g.packRows(rows[:(i1-i0)*ld], i0, i1, tmp)
	}
	t := pair{tile: tile{rs: uintptr(ld * bf16Size), bs: pairPanel * bf16Size}}
	t.single()
	if !g.half {
		c, j0, j1 := g.c.F32[i0*g.ldc:], g.j0+q0*pairColumns, g.j0+min(q1*pairColumns, g.nb)
		g.panelsOf(&t, rows, i1-i0, q0, q1, c[j0:], g.ldc)
		if g.finish != nil && g.p0+g.kb == g.k {
			g.finish(c[j0:], g.ldc, i0, i1, j0, j1)
		}
		return
	}
	const ldc = asideColumns
	c := g.aside(worker)
	for q := q0; q < q1; q += asideColumns / pairColumns {
		end := min(q+asideColumns/pairColumns, q1)
		j0, j1 := g.j0+q*pairColumns, g.j0+min(end*pairColumns, g.nb)
		g.panelsOf(&t, rows, i1-i0, q, end, c, ldc)
		if g.finish != nil {
			g.finish(c, ldc, i0, i1, j0, j1)
		}
		roundRows(g.c.BF16[i0*g.ldc+j0:], g.ldc, c, ldc, i1-i0, j1-j0)
	}
}

// panelsOf multiplies m rows with panels q0 to q1, into c.
func (g *pairGemm) panelsOf(t *pair, rows []uint16, m, q0, q1 int, c []float32, ldc int) {
	t.ldc = bytes(ldc)
	parts := ceil(g.kp, pairInner)
	for q := q0; q < q1; q++ {
		t.columns(min(pairColumns, g.nb-q*pairColumns))
		t.c = ptr(c, (q-q0)*pairColumns)
		for p := range parts {
			from, to := cut(g.kp/pairDepth, parts, p)
			t.add = 1
			if !g.add && g.p0 == 0 && p == 0 {
				t.add = 0
			}
			t.depth((to - from) * pairDepth)
			t.a = ptr16(rows, from*pairDepth)
			t.b = ptr16(g.panels, q*g.panelStep()+from*pairDepth*pairColumns)
			t.run(m)
		}
	}
}
