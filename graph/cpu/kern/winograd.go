package kern

import "fmt"

// winograd is a 3x3 convolution, or the gradient by x as a convolution with turned weights: transform patches of x to
// points (V), multiply each point with the transformed weights (U) to M, and transform M to patches of y.
//
// Where U is small, a task takes some tiles through all three stages within L2, a point after the other, whose V stays
// in L1 for all channels. Where U is large, the stages run one after the other over many tiles, and the products are
// cut by points, so that U is read once.
type winograd struct {
	tiles    winogradTiles
	backward bool
	src      []float32
	w, dst   []float32
	prologue Prologue
	level    blocking
	staged   bool
	group    int // tiles of a task, or of a chunk when staged
	groups   int
	lists    [4]winogradList // by which of a point's coordinates are infinite

	uPoint, vPoint, mPoint int // distances between points
	vRow, mRow             int // distances between tiles
	mPanels                int // panels that M holds
	turned, u, v, m        []float32
	buffers                []float32
	floats                 int // of a worker's buffers
	t0, t1                 int // the chunk at hand, when staged

	turnTask, filterTask, fusedTask, inputTask, productTask, outputTask func(task, worker int)
}

var winograds = pile[winograd]{bind: func(g *winograd) {
	g.turnTask, g.filterTask, g.fusedTask = g.turnWeights, g.filter, g.fused
	g.inputTask, g.productTask, g.outputTask = g.inputs, g.products, g.outputs
}}

const (
	winogradStrip  = 8 // tiles transformed by one task
	winogradCoCuts = 4 // cuts of the panels in a staged product
)

// winogradList is where a point's parts of the source are.
type winogradList struct {
	n          int
	aoff, boff [4]uintptr
}

func (c Conv) winograd(backward bool, src, w, dst, scratch []float32) {
	g := winograds.get()
	g.set(c, backward)
	g.src, g.w, g.dst = src, w, dst
	scratch = align(scratch)
	if need := g.shared() + g.floats; len(scratch) < need {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, lineFloats+need))
	}
	g.turned, g.u = take(&scratch, g.turnedFloats()), take(&scratch, g.points()*g.uPoint)
	g.v, g.m = take(&scratch, g.stagedFloats(g.vPoint)), take(&scratch, g.stagedFloats(g.mPoint))
	g.buffers = scratch
	g.run()
	g.src, g.w, g.dst, g.turned, g.u, g.v, g.m, g.buffers = nil, nil, nil, nil, nil, nil, nil, nil
	winograds.put(g)
}

func (g *winograd) run() {
	s := &g.tiles
	if g.backward {
		runLimited(9*ceil(s.ci, 64), 1<<30, g.turnTask)
	}
	runLimited(g.panels()*ceil(s.ci, 32), 1<<30, g.filterTask)
	workers := fits(g.buffers, g.floats)
	if !g.staged {
		runLimited(g.groups, workers, g.fusedTask)
		return
	}
	for i := range g.groups {
		g.t0, g.t1 = cut(s.count(), g.groups, i)
		strips := ceil(g.t1-g.t0, winogradStrip)
		runLimited(strips, workers, g.inputTask)
		runLimited(g.points()*min(g.panels(), winogradCoCuts), 1<<30, g.productTask)
		runLimited(strips, workers, g.outputTask)
	}
}

func (c Conv) winogradScratch(backward bool) int {
	var g winograd
	g.set(c, backward)
	return lineFloats + g.shared() + Threads()*g.floats
}

func (g *winograd) set(c Conv, backward bool) {
	g.backward, g.level, g.prologue = backward, *dims(), c.Prologue
	g.tiles = newWinogradTiles(&c, backward)
	if backward {
		g.prologue = Prologue{}
	}
	s := &g.tiles
	blocks := winogradDims()
	in, out := s.inputFloats(), len(s.form.out.parts)*roundUp(s.co, g.level.nr)
	u := g.points() * in * len(s.form.out.parts) * s.co
	g.staged = u >= winogradWide
	g.mPanels = min(blocks.panels, g.panels())
	if g.staged {
		g.mPanels = g.panels()
	}
	g.vRow, g.mRow = in+lineFloats, g.mPanels*g.level.nr
	if g.mPanels > 1 {
		g.mRow += lineFloats
	}
	g.group = roundUp(blocks.groupOf(s.count(), g.points()*(g.vRow+g.mRow)), g.level.mr)
	if g.staged {
		g.group = blocks.chunk(u, winogradShared)
	}
	g.groups = ceil(s.count(), g.group)
	g.group = ceil(s.count(), max(1, g.groups))
	g.uPoint = out*in + pointGap
	g.vPoint, g.mPoint = pointStride(g.group*g.vRow), pointStride(g.group*g.mRow)
	g.floats = s.patchFloats(&g.prologue)
	if !g.staged {
		g.floats += g.points() * (g.vPoint + g.mPoint)
	}
	g.lists = [4]winogradList{}
	for point := range g.points() {
		g.lists[s.form.infinite(point)] = g.list(point)
	}
}

// list finds the parts of the source that have a point.
func (g *winograd) list(point int) (l winogradList) {
	s := &g.tiles
	for part := range s.form.in.parts {
		if s.form.has(part, point) {
			l.aoff[l.n], l.boff[l.n] = bytes(part*s.ci), bytes(part*s.ci*g.level.nr)
			l.n++
		}
	}
	return l
}

func (g *winograd) points() int { return g.tiles.form.points() }

// panels are those of the result's channels, for each of its parts.
func (g *winograd) panels() int { return len(g.tiles.form.out.parts) * g.partPanels() }

func (g *winograd) partPanels() int { return ceil(g.tiles.co, g.level.nr) }

// channel is the first of panel q, in its part.
func (g *winograd) channel(q int) int { return q % g.partPanels() * g.level.nr }

func (g *winograd) turnedFloats() int {
	if g.backward {
		return 9 * g.tiles.ci * g.tiles.co
	}
	return 0
}

func (g *winograd) stagedFloats(point int) int {
	if g.staged {
		return g.points() * point
	}
	return 0
}

func (g *winograd) shared() int {
	return g.turnedFloats() + g.points()*g.uPoint + g.stagedFloats(g.vPoint) + g.stagedFloats(g.mPoint)
}

// turnWeights transposes 64 rows of one tap: [Ci,Co] to [Co,Ci], which are the input and output channels of the
// gradient.
func (g *winograd) turnWeights(task, _ int) {
	s := &g.tiles
	tap, i := task%9, task/9*64
	n := min(64, s.ci-i)
	size := s.ci * s.co
	transpose(g.turned[tap*size+i*s.co:], s.co, g.w[tap*size+i:(tap+1)*size], s.ci, s.co, n)
}

// filter transforms the weights of up to 32 input channels for one panel: U [point][panel][part][Ci][nr]. The
// gradient's taps count backwards.
func (g *winograd) filter(task, _ int) {
	s, f, nr := &g.tiles, g.tiles.form, g.level.nr
	q, i0 := task%g.panels(), task/g.panels()*32
	c0 := g.channel(q)
	w, tap := g.w, s.ci*s.co
	if g.backward {
		w = g.turned
	}
	to := winogradStrides{f.side * g.uPoint, g.uPoint, nr}
	from := winogradStrides{3 * f.step * tap, f.step * tap, s.co}
	for p := range f.in.parts {
		part := f.taps[p+q/g.partPanels()]
		part.transform.apply(g.u[(q*s.inputFloats()+p*s.ci+i0)*nr:], to, w, (3*part.i+part.j)*tap+i0*s.co+c0, from,
			min(nr, s.co-c0), min(32, s.ci-i0))
	}
}

// input transforms tiles t0 to t1, the first of them to row 0 of v.
func (g *winograd) input(v []float32, t0, t1 int, patch []float32) {
	p := winogradPoints{v, g.tiles.form.side, g.vPoint, g.vRow, patch}
	g.tiles.in.read(&p, g.src, t0, t1, &g.prologue)
}

// product multiplies n tiles at one point with panel q, if its part has the point.
func (g *winograd) product(m, v []float32, n, point, q int, ahead []float32) {
	s, nr := &g.tiles, g.level.nr
	if len(s.form.out.parts) > 1 && !s.form.has(q/g.partPanels(), point) {
		return
	}
	l := &g.lists[s.form.infinite(point)]
	t := tower{tile: tile{rs: bytes(g.vRow), cs: floatSize, bs: bytes(nr), k: uintptr(s.ci), ldc: bytes(g.mRow),
		nb: uintptr(l.n), aoff: &l.aoff[0], boff: &l.boff[0]}}
	t.columns(min(nr, s.co-g.channel(q)))
	t.b = ptr(g.u, point*g.uPoint+q*s.inputFloats()*nr)
	t.a, t.c = ptr(v, point*g.vPoint), ptr(m, point*g.mPoint)
	tiles, _, _ := tileRows(n)
	t.ahead = fetchIn(ahead, tiles*l.n)
	t.rows(n)
}

// output transforms n channels of one part of tiles t0 to t1, the first of them in row 0 of m, to those of the result
// from c0 on.
func (g *winograd) output(m []float32, t0, t1, part, c0, n int, patch []float32) {
	p := winogradPoints{m, g.tiles.form.side, g.mPoint, g.mRow, patch}
	g.tiles.out.write(g.dst, part, c0, n, &p, t0, t1)
}

// fused takes one group of tiles through all stages.
func (g *winograd) fused(task, worker int) {
	buffer := g.buffers[worker*g.floats : (worker+1)*g.floats]
	nv, nm := g.points()*g.vPoint, g.points()*g.mPoint
	v, m, patch := buffer[:nv], buffer[nv:nv+nm], buffer[nv+nm:]
	t0, t1 := cut(g.tiles.count(), g.groups, task)
	g.input(v, t0, t1, patch)
	ahead := winogradAhead{results: g.tiles.out.span(g.dst, t0, t1), parts: g.points() * g.panels()}
	if next := task + Threads(); next < g.groups {
		n0, n1 := cut(g.tiles.count(), g.groups, next)
		ahead.images = g.tiles.in.span(g.src, n0, n1)
	}
	for q0 := 0; q0 < g.panels(); q0 += g.mPanels {
		q1 := min(q0+g.mPanels, g.panels())
		for point := range g.points() {
			for q := q0; q < q1; q++ {
				g.product(m[(q-q0)*g.level.nr:], v, t1-t0, point, q, ahead.next())
			}
		}
		for q, end := q0, 0; q < q1; q = end { // the panels of a part together
			part := q / g.partPanels()
			end = min(q1, (part+1)*g.partPanels())
			c0 := g.channel(q)
			g.output(m[(q-q0)*g.level.nr:], t0, t1, part, c0, min((end-q)*g.level.nr, g.tiles.co-c0), patch)
		}
	}
}

func (g *winograd) inputs(task, worker int) {
	t := g.t0 + task*winogradStrip
	g.input(g.v[(t-g.t0)*g.vRow:], t, min(t+winogradStrip, g.t1), g.buffers[worker*g.floats:(worker+1)*g.floats])
}

func (g *winograd) products(task, _ int) {
	cuts := min(g.panels(), winogradCoCuts)
	q0, q1 := cut(g.panels(), cuts, task%cuts)
	for q := q0; q < q1; q++ {
		g.product(g.m[q*g.level.nr:], g.v, g.t1-g.t0, task/cuts, q, nil)
	}
}

func (g *winograd) outputs(task, worker int) {
	t := g.t0 + task*winogradStrip
	for part := range g.tiles.form.out.parts {
		m := g.m[(t-g.t0)*g.mRow+part*g.partPanels()*g.level.nr:]
		g.output(m, t, min(t+winogradStrip, g.t1), part, 0, g.tiles.co, g.buffers[worker*g.floats:(worker+1)*g.floats])
	}
}
