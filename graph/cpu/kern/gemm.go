package kern

import "fmt"

// gemmColumns is the width of a block of B, a multiple of every nr.
const gemmColumns = 2048

// Gemm computes C = op(A) op(B) + beta C, row-major: op(A) [m,k], op(B) [k,n], C [m,n]; op transposes what is stored
// when its flag is set, lda, ldb, ldc are row strides of what is stored, in elements. beta is 0 (C is not read) or 1.
// scratch holds GemmScratch elements. Each element's sum over k runs in blocks whose size depends on k alone.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int,
	beta float32, scratch []float32) {
	GemmThen(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, beta, scratch, nil)
}

// Finish is what is still to be done to rows i0 to i1, columns j0 to j1 of a product, soon after they are computed and
// from several workers at once. c begins with element i0, j0; its rows are ldc elements apart. Every element is in one
// call.
type Finish func(c []float32, ldc, i0, i1, j0, j1 int)

// GemmThen is Gemm with finish called for all parts of C, while they are in cache. Build finish once and keep it.
func GemmThen(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int,
	beta float32, scratch []float32, finish Finish) {
	g := gemms.get()
	g.set(transA, transB, m, n, k, lda, ldb, ldc, beta, true)
	g.a, g.b, g.c, g.finish = a, b, c, finish
	g.check()
	if splitParts(m, n, k) > 1 {
		j := splits.get()
		j.set(false, transA, transB, m, n, k, lda, ldb, ldc, beta)
		j.run(Values{F32: a}, Values{F32: b}, c, align(scratch), finish)
		splits.put(j)
	} else {
		g.product(align(scratch))
	}
	g.a, g.b, g.c, g.panels, g.rows, g.finish = nil, nil, nil, nil, nil, nil
	gemms.put(g)
}

// GemmScratch is how many elements of scratch Gemm wants.
func GemmScratch(transA, transB bool, m, n, k int) int {
	if splitParts(m, n, k) > 1 {
		return splitScratch(false, transA, transB, m, n, k)
	}
	var g gemm
	g.set(transA, transB, m, n, k, 0, 0, 0, 0, true)
	if g.own {
		return lineFloats + Threads()*g.ownFloats()
	}
	return lineFloats + g.panelFloats() + Threads()*g.rowFloats()
}

// taskFlops is the least work worth a task of its own, about 5 us.
const taskFlops = 1 << 19

// gemm is one product under way.
type gemm struct {
	transA, transB bool
	m, n, k        int
	lda, ldb, ldc  int
	add            bool // beta is 1
	parallel       bool
	a, b, c        []float32
	finish         Finish // may be nil
	level          blocking
	kc             int  // depth of a block, the last may be less
	pack           bool // B goes into panels; else only its last partial panel does
	own            bool // a task packs its own panels, and reads A where it is
	upper          bool // tiles below the diagonal of C are left out

	// The block of B at hand: columns j0 to j0+nc, rows p0 to p0+kb.
	j0, nc, p0, kb int
	panels         []float32 // [ceil(nc/nr)][kb][nr]
	rows           []float32 // copies of A, one per worker
	mb, nb         int       // blocks of rows and of panels: one task each

	packTask, tileTask, mirrorTask func(task, worker int)
}

var gemms = pile[gemm]{bind: func(g *gemm) { g.packTask, g.tileTask, g.mirrorTask = g.packPanels, g.tiles, g.mirror }}

func (g *gemm) set(transA, transB bool, m, n, k, lda, ldb, ldc int, beta float32, parallel bool) {
	checkBeta(beta)
	g.transA, g.transB, g.m, g.n, g.k = transA, transB, m, n, k
	g.lda, g.ldb, g.ldc, g.add, g.parallel = lda, ldb, ldc, beta == 1, parallel
	g.level = *dims()
	g.kc = min(k, roundUp(ceil(k, max(1, ceil(k, g.level.kc))), 16))
	tall := m > packTiles*g.level.mr
	g.pack = transB || tall || m > packTilesFar*g.level.mr && ldb > farApart
	g.own = parallel && !transA && (transB || tall) && m*g.kc <= g.level.own && g.kc >= ownDepth &&
		n >= ownTiles*g.level.nr
}

// From so many tiles of rows on, panels of B are read often enough that packing them pays; from fewer where rows of B
// are far apart. bench/gemm.sh measures products on both sides of these.
const (
	packTiles    = 6
	packTilesFar = 2
)

// ownTiles is the least width of B, in tiles, at which tasks pack their own panels: fewer leave cores idle.
const ownTiles = 8

// ownDepth is the least depth, in rows of B, at which a panel makes a task of its own.
const ownDepth = 192

// ownPanels is how many panels a task packs for itself.
func (g *gemm) ownPanels() int { return max(1, ceil(min(g.n, gemmColumns), g.level.nr)/16) }

// ownFloats is the size of the panels of one task.
func (g *gemm) ownFloats() int { return g.ownPanels() * g.kc * g.level.nr }

// panelFloats is the size of the packed block of B, the same for every ldb.
func (g *gemm) panelFloats() int {
	if !g.transB && g.m <= 2*g.level.mr {
		return g.kc * g.level.nr
	}
	return g.kc * roundUp(min(g.n, gemmColumns), g.level.nr)
}

// rowFloats is the size of one worker's copy of a block of A. The padding breaks strides of powers of two, which share
// cache sets.
func (g *gemm) rowFloats() int {
	mc := min(g.m, g.level.mc)
	if g.transA {
		return roundUp(g.kc*mc, lineFloats)
	}
	return roundUp(mc*(g.kc+lineFloats), lineFloats)
}

func (g *gemm) check() {
	checkProduct(g.transA, g.transB, g.m, g.n, g.k, len(g.a), g.lda, len(g.b), g.ldb, len(g.c), g.ldc)
}

// alone computes a product on the caller, with a copy of g on the stack.
func (g *gemm) alone(a, b, c, scratch []float32) {
	one := *g
	one.a, one.b, one.c = a, b, c
	one.check()
	one.product(scratch)
}

func checkBeta(beta float32) {
	if beta != 0 && beta != 1 {
		panic(fmt.Sprintf("kern: Gemm: beta is %v, want 0 or 1", beta))
	}
}

// checkProduct panics where an operand is too short.
func checkProduct(transA, transB bool, m, n, k, a, lda, b, ldb, c, ldc int) {
	need := func(name string, trans bool, rows, cols, ld, size int) {
		if trans {
			rows, cols = cols, rows
		}
		if rows == 0 || cols == 0 {
			return
		}
		if ld < cols || size < (rows-1)*ld+cols {
			panic(fmt.Sprintf("kern: Gemm: %s has %d elements with row stride %d, [%d,%d] needs %d and a stride "+
				"of at least %d",
				name, size, ld, rows, cols, (rows-1)*max(ld, cols)+cols, cols))
		}
	}
	need("A", transA, m, k, lda, a)
	need("B", transB, k, n, ldb, b)
	need("C", false, m, n, ldc, c)
}

// product walks the blocks of B: pack one, then multiply A's rows with it; where A stays in L2, a panel at a time.
func (g *gemm) product(scratch []float32) {
	if g.k == 0 && !g.add {
		for i := range g.m {
			clear(g.c[i*g.ldc : i*g.ldc+g.n])
		}
	}
	if g.k == 0 && g.finish != nil {
		g.finish(g.c, g.ldc, 0, g.m, 0, g.n)
	}
	size, least := g.panelFloats(), g.panelFloats()+g.rowFloats()
	if g.own {
		size, least = len(scratch), g.ownFloats()
	}
	if g.m > 0 && g.n > 0 && len(scratch) < least {
		panic(fmt.Sprintf("kern: Gemm: scratch has %d elements, [%d,%d]x[%d,%d] needs %d", len(scratch), g.m, g.k, g.k,
			g.n, lineFloats+least))
	}
	if g.m == 0 || g.n == 0 || g.k == 0 {
		return
	}
	g.panels, g.rows = scratch[:size], scratch[size:]
	for g.j0 = 0; g.j0 < g.n; g.j0 += gemmColumns {
		g.nc = min(gemmColumns, g.n-g.j0)
		for g.p0 = 0; g.p0 < g.k; g.p0 += g.kc {
			g.kb = min(g.kc, g.k-g.p0)
			g.block()
		}
	}
}

// block multiplies with one block of B.
func (g *gemm) block() {
	panels := ceil(g.nc, g.level.nr)
	if g.own {
		g.mb, g.nb = 1, ceil(panels, g.ownPanels())
		for g.mb*g.nb < 2*Threads() && g.m > g.mb*4*g.level.mr {
			g.mb *= 2
		}
		runLimited(g.mb*g.nb, fits(g.panels, g.ownFloats()), g.tileTask)
		return
	}
	g.mb, g.nb = ceil(g.m, g.level.mc), 1
	if g.parallel {
		if g.mb > Threads() {
			g.mb = roundUp(g.mb, Threads()) // as many for each
		}
		most := min(2*g.m*g.nc*g.kb/taskFlops, 3*Threads()) // tasks worth having: each copies its rows of A
		for g.mb*g.nb < most && g.nb < panels {
			g.nb *= 2
		}
		g.nb = min(g.nb, panels)
		for g.mb*g.nb < most && g.m > g.mb*2*g.level.mr {
			g.mb *= 2
		}
	}
	serial := !g.parallel || g.mb*g.nb == 1
	switch {
	case !g.pack && g.nc%g.level.nr != 0:
		g.packPanel(g.panels[:g.kb*g.level.nr], panels-1)
	case g.pack && serial:
		for p := range ceil(panels, packRun) {
			g.packPanels(p, 0)
		}
	case g.pack:
		runLimited(ceil(panels, packRun), 1<<30, g.packTask)
	}
	if serial {
		for i := range g.mb * g.nb {
			g.tiles(i, 0)
		}
		return
	}
	runLimited(g.mb*g.nb, fits(g.rows, g.rowFloats()), g.tileTask)
}

// packRun is how many panels are packed together: short reads of rows far apart would miss pages.
const packRun = 4

// packPanels packs one run of panels of the block of B to [kb][nr] each, zero behind the last column.
func (g *gemm) packPanels(task, _ int) {
	nr := g.level.nr
	first := task * packRun
	g.packSome(g.panels[first*g.kb*nr:], first, min(first+packRun, ceil(g.nc, nr)))
}

// packSome packs panels first to last of the block of B, one behind the other.
func (g *gemm) packSome(dst []float32, first, last int) {
	nr := g.level.nr
	if g.transB || last*nr > g.nc {
		for p := first; p < last; p++ {
			g.packPanel(dst[(p-first)*g.kb*nr:][:g.kb*nr], p)
		}
		return
	}
	copyStrips(dst, nr, g.b[g.p0*g.ldb+g.j0+first*nr:], g.ldb, g.kb, last-first, nr)
}

func (g *gemm) packPanel(dst []float32, p int) {
	nr := g.level.nr
	j := g.j0 + p*nr
	n := min(nr, g.j0+g.nc-j)
	if g.transB {
		packTransposed(dst, nr, g.b[j*g.ldb+g.p0:], g.ldb, g.kb, n)
	} else {
		packRows(dst, nr, g.b[g.p0*g.ldb+j:], g.ldb, g.kb, n)
	}
}

// tiles multiplies one block of rows with one run of panels.
func (g *gemm) tiles(task, worker int) {
	nr, panels := g.level.nr, ceil(g.nc, g.level.nr)
	i0, i1 := cut(g.m, g.mb, task%g.mb)
	q0, q1 := cut(panels, g.nb, task/g.mb)
	if g.upper {
		q0 = max(q0, min(q1, (i0-g.j0)/nr)) // the first that reaches row i0
	}
	t := tower{tile: tile{k: uintptr(g.kb), bs: bytes(nr), ldc: bytes(g.ldc), cs: floatSize}}
	t.single()
	if g.add || g.p0 > 0 {
		t.add = 1
	}
	a, ra, ca := g.a, g.lda, 1 // A[i,k] is a[i*ra+k*ca]
	a0 := i0*g.lda + g.p0
	if g.transA {
		ra, ca, a0 = 1, g.lda, g.p0*g.lda+i0
	}
	var own []float32
	strips, ahead := false, false
	if g.own {
		own = g.panels[worker*g.ownFloats():][:g.ownFloats()]
	} else if q1-q0 > 2 && i1-i0 > g.level.mr {
		ahead = task%g.mb+1 < g.mb
		if g.transA || g.lda%farApart == 0 || (q1-q0)*nr > g.level.few {
			a = g.copyRows(g.rows[worker*g.rowFloats():][:g.rowFloats()], i0, i1)
			a0, ra, strips = 0, g.kb+lineFloats, g.transA
		}
	}
	t.rs, t.cs = bytes(ra), bytes(ca)
	for q := q0; q < q1; q++ {
		j := g.j0 + q*nr
		n := min(nr, g.j0+g.nc-j)
		switch {
		case g.own:
			if (q-q0)%packRun == 0 {
				g.packSome(own[(q-q0)*g.kb*nr:], q, min(q+packRun, q1))
			}
			t.b = ptr(own, (q-q0)*g.kb*nr)
		case g.pack:
			t.b = ptr(g.panels, q*g.kb*nr)
		case n < nr:
			t.b, t.bs = ptr(g.panels, 0), bytes(nr)
		default:
			t.b, t.bs = ptr(g.b, g.p0*g.ldb+j), bytes(g.ldb)
		}
		t.columns(n)
		if ahead {
			g.fetchRows(task%g.mb+1, q-q0, q1-q0)
		}
		rows := i1 - i0
		if g.upper {
			rows = max(0, min(rows, j+n-i0)) // what is below the diagonal in all columns is left out
		}
		t.a, t.c = ptr(a, a0), ptr(g.c, i0*g.ldc+j)
		if strips {
			t.strips(i1-i0, rows)
		} else {
			t.rows(rows)
		}
	}
	if g.finish != nil && g.p0+g.kb == g.k {
		j0, j1 := g.j0+q0*nr, g.j0+min(q1*nr, g.nc)
		g.finish(g.c[i0*g.ldc+j0:], g.ldc, i0, i1, j0, j1)
	}
}

// farApart is a distance of rows at which they share cache sets.
const farApart = 512

// fetchRows asks for part i of n of block mb of A's rows, which the worker most likely takes next.
func (g *gemm) fetchRows(mb, i, n int) {
	i0, i1 := cut(g.m, g.mb, mb)
	if g.transA {
		k0, k1 := cut(g.kb, n, i)
		fetchRows(g.a[(g.p0+k0)*g.lda+i0:], g.lda, k1-k0, i1-i0)
		return
	}
	r0, r1 := cut(i1-i0, n, i)
	fetchRows(g.a[(i0+r0)*g.lda+g.p0:], g.lda, r1-r0, g.kb)
}

// copyRows copies rows i0 to i1 of the block of A: to a padded stride, or from the transpose to strips, one per tile of
// its rows.
func (g *gemm) copyRows(dst []float32, i0, i1 int) []float32 {
	if !g.transA {
		copyRows(dst, g.kb+lineFloats, g.a[i0*g.lda+g.p0:], g.lda, i1-i0, g.kb)
		return dst
	}
	tiles, height, higher := tileRows(i1 - i0)
	src := g.a[g.p0*g.lda+i0:]
	copyStrips(dst, height+1, src, g.lda, g.kb, higher, height+1)
	at := higher * (height + 1)
	copyStrips(dst[at*g.kb:], height, src[at:], g.lda, g.kb, tiles-higher, height)
	return dst
}
