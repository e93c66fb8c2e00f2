package kern

import "fmt"

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

// pairGemm is one product under way. Each element of a block of A and of B is rounded once: B and, where rows are few,
// A into scratch that all workers share, else each task its rows of A.
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

// pairStride is the distance of rounded rows of A of depth kp: an odd number of lines, so that neighbours do not share
// cache sets.
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
		panic(fmt.Sprintf("kern: Gemm: scratch has %d elements, [%d,%d]x[%d,%d] needs %d", len(scratch), g.m, g.k, g.k,
			g.n, lineFloats+size+g.workerFloats()))
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
