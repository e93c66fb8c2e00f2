package kern

import "fmt"

// winogradDW is the gradient by w of a 3x3 convolution, the exact adjoint of winograd: transform patches of x (V) and
// of dy (W), sum dU += V' W over tiles at each point, and transform dU to dw.
//
// Where dU is small, a task takes some tiles through the transforms and the sum, into a dU of its part; the parts are
// added in order. Where it is large there is one dU, and the stages run one after the other over many tiles, the sums
// cut by points.
type winogradDW struct {
	tiles    winogradTiles
	dyView   winogradView
	x, dy    []float32
	prologue Prologue // of x
	dw       []float32
	level    blocking
	staged   bool
	group    int
	groups   int
	parts    int
	cuts     int // tasks of a point, when staged

	uPoint, vPoint, wPoint int
	vRow, wRow             int
	u, v, w                []float32
	buffers                []float32
	floats                 int
	t0, t1                 int

	fusedTask, transformTask, productTask, finishTask func(task, worker int)
}

var winogradDWs = pile[winogradDW]{bind: func(g *winogradDW) {
	g.fusedTask, g.transformTask, g.productTask, g.finishTask = g.fused, g.transforms, g.products, g.finish
}}

const winogradPartial = 5 << 20 // floats all partial dU may take

func (c Conv) winogradWeights(x, dy, dw, scratch []float32) {
	if c.B == 0 {
		clear(dw[:c.weights()])
		return
	}
	g := winogradDWs.get()
	g.set(c)
	g.x, g.dy, g.dw = x, dy, dw
	scratch = align(scratch)
	if need := g.shared() + g.floats; len(scratch) < need {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, lineFloats+need))
	}
	g.u = take(&scratch, g.parts*g.points()*g.uPoint)
	g.v, g.w = take(&scratch, g.stagedFloats(g.vPoint)), take(&scratch, g.stagedFloats(g.wPoint))
	g.buffers = scratch
	workers := fits(g.buffers, g.floats)
	if g.staged {
		for i := range g.groups {
			g.t0, g.t1 = cut(g.tiles.count(), g.groups, i)
			runLimited(ceil(g.t1-g.t0, winogradStrip), workers, g.transformTask)
			runLimited(g.points()*g.cuts, 1<<30, g.productTask)
		}
	} else {
		runLimited(g.parts, workers, g.fusedTask)
	}
	runLimited(g.tiles.ci, 1<<30, g.finishTask)
	g.x, g.dy, g.dw, g.u, g.v, g.w, g.buffers = nil, nil, nil, nil, nil, nil, nil
	winogradDWs.put(g)
}

func (c Conv) winogradWeightsScratch() int {
	var g winogradDW
	g.set(c)
	return lineFloats + g.shared() + Threads()*g.floats
}

func (g *winogradDW) set(c Conv) {
	g.level, g.prologue = *dims(), c.Prologue
	g.tiles = newWinogradTiles(&c, false)
	s := &g.tiles
	g.dyView = s.out
	g.dyView.side = &s.form.dy
	in := s.inputFloats()
	u, blocks := g.points()*in*s.co, winogradDims()
	g.staged = u >= blocks.weights
	g.group, g.parts = roundUp(blocks.group, g.level.mr), 1
	if g.staged {
		g.group = blocks.chunk(u, winogradShared/4)
	}
	g.cuts = max(1, in/blocks.rows)
	g.groups = ceil(s.count(), g.group)
	g.group = ceil(s.count(), max(1, g.groups))
	g.uPoint = in*s.co + pointGap
	if !g.staged {
		g.parts = max(1, min(g.groups, convTasks, winogradPartial/(g.points()*g.uPoint)))
	}
	g.vRow, g.wRow = in+lineFloats, roundUp(s.co, g.level.nr)+lineFloats
	g.vPoint, g.wPoint = pointStride(g.group*g.vRow), pointStride(g.group*g.wRow)
	g.floats = max(s.in.patchFloats(&g.prologue), g.dyView.patchFloats(&Prologue{}))
	if !g.staged {
		g.floats += g.points() * (g.vPoint + g.wPoint)
	}
}

func (g *winogradDW) points() int { return g.tiles.form.points() }

func (g *winogradDW) stagedFloats(point int) int {
	if g.staged {
		return g.points() * point
	}
	return 0
}

func (g *winogradDW) shared() int {
	return g.parts*g.points()*g.uPoint + g.stagedFloats(g.vPoint) + g.stagedFloats(g.wPoint)
}

// transform writes tiles t0 to t1 of x and dy, the first of them to row 0 of v and w.
func (g *winogradDW) transform(v, w []float32, t0, t1 int, patch []float32) {
	side := g.tiles.form.side
	g.tiles.in.read(&winogradPoints{v, side, g.vPoint, g.vRow, patch}, g.x, t0, t1, &g.prologue)
	g.dyView.read(&winogradPoints{w, side, g.wPoint, g.wRow, patch}, g.dy, t0, t1, &Prologue{})
}

// product sums n tiles at one point into a cut of the rows of dU; add keeps what is there.
func (g *winogradDW) product(u, v, w []float32, n, point, i, cuts int, add bool) {
	s, nr := &g.tiles, g.level.nr
	t := tower{tile: tile{rs: floatSize, cs: bytes(g.vRow), bs: bytes(g.wRow), k: uintptr(n), ldc: bytes(s.co)}}
	t.single()
	if add {
		t.add = 1
	}
	for part, end := 0, 0; part < len(s.form.in.parts); part = end {
		for end = part; end < len(s.form.in.parts) && s.form.has(end, point); end++ {
		}
		if end == part {
			end++
			continue
		}
		i0, i1 := cut((end-part)*s.ci, cuts, i)
		first := part*s.ci + i0
		for q := range ceil(s.co, nr) {
			t.columns(min(nr, s.co-q*nr))
			t.b = ptr(w, point*g.wPoint+q*nr)
			t.a, t.c = ptr(v, point*g.vPoint+first), ptr(u, point*g.uPoint+first*s.co+q*nr)
			t.rows(i1 - i0)
		}
	}
}

// fused takes the tiles of one part through transforms and sums.
func (g *winogradDW) fused(part, worker int) {
	buffer := g.buffers[worker*g.floats : (worker+1)*g.floats]
	nv, nw := g.points()*g.vPoint, g.points()*g.wPoint
	v, w, patch := buffer[:nv], buffer[nv:nv+nw], buffer[nv+nw:]
	u := g.u[part*g.points()*g.uPoint:][:g.points()*g.uPoint]
	first, last := cut(g.groups, g.parts, part)
	for i := first; i < last; i++ {
		t0, t1 := cut(g.tiles.count(), g.groups, i)
		g.transform(v, w, t0, t1, patch)
		for point := range g.points() {
			g.product(u, v, w, t1-t0, point, 0, 1, i > first)
		}
	}
}

func (g *winogradDW) transforms(task, worker int) {
	t := g.t0 + task*winogradStrip
	g.transform(g.v[(t-g.t0)*g.vRow:], g.w[(t-g.t0)*g.wRow:], t, min(t+winogradStrip, g.t1),
		g.buffers[worker*g.floats:(worker+1)*g.floats])
}

func (g *winogradDW) products(task, _ int) {
	g.product(g.u, g.v, g.w, g.t1-g.t0, task/g.cuts, task%g.cuts, g.cuts, g.t0 > 0)
}

// finish adds what the tasks summed for one input channel and transforms its points to taps.
func (g *winogradDW) finish(i, _ int) {
	s, f := &g.tiles, g.tiles.form
	tap := s.ci * s.co
	for part, k := range f.finish {
		row := (part*s.ci + i) * s.co
		for point := range g.points() {
			if !f.has(part, point) {
				continue
			}
			at := point*g.uPoint + row
			for p := 1; p < g.parts; p++ {
				addTo(g.u[at:at+s.co], g.u[p*g.points()*g.uPoint+at:][:s.co])
			}
		}
		first := 3*f.taps[part].i + f.taps[part].j
		k.apply(g.dw[first*tap+i*s.co:], winogradStrides{3 * f.step * tap, f.step * tap, 0}, g.u, row,
			winogradStrides{f.side * g.uPoint, g.uPoint, 0}, s.co, 1)
	}
}
