package kern

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

// pack rounds one block of rows of A, a piece of all of them where they are stored transposed, or a piece of a run of
// panels of B.
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
		packRowsTransposed(g.rows[p0:], ld, g.a.From((g.p0+p0)*g.lda), g.lda, g.m, kb, kp, tmp)
		return
	}
	first := task / deep * pairPackRun
	last := min(first+pairPackRun, ceil(g.nb, pairColumns))
	dst := g.panels[first*g.panelStep()+p0*pairColumns:]
	j, n := first*pairColumns, min(g.nb, last*pairColumns)-first*pairColumns
	if !g.transB {
		packPanels(dst, g.panelStep(), g.b.From((g.p0+p0)*g.ldb+g.j0+j), g.ldb, kb, n, kp)
		return
	}
	for q := first; q < last; q++ {
		j := q * pairColumns
		b := g.b.From((g.j0+j)*g.ldb + g.p0 + p0)
		packPairsTransposed(dst[(q-first)*g.panelStep():][:kp*pairColumns], b, g.ldb, kb, min(pairColumns, g.nb-j), kp,
			tmp)
	}
}

// panelStep is the distance of panels, in elements: a line pair beyond their size, so that neighbours do not share
// cache sets.
func (g *pairGemm) panelStep() int { return g.kp*pairColumns + pairPanel }

// packRows rounds rows i0 to i1 of the block of A.
func (g *pairGemm) packRows(dst []uint16, i0, i1 int, tmp []float32) {
	ld := pairStride(g.kp)
	if g.transA {
		packRowsTransposed(dst, ld, g.a.From(g.p0*g.lda+i0), g.lda, i1-i0, g.kb, g.kp, tmp)
	} else {
		packRowsBF16(dst, ld, g.a.From(i0*g.lda+g.p0), g.lda, i1-i0, g.kb, g.kp)
	}
}

// empty is the product of no depth.
func (g *pairGemm) empty(scratch []float32) {
	for i := range g.m {
		row := scratch
		if !g.half {
			row = g.c.F32[i*g.ldc:]
		}
		row = row[:g.n]
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
