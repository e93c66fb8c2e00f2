package kern

import "fmt"

// winogradTiles cuts images of H x W outputs into 4x4 patches, counted through the batch, and moves patches in and out of the transforms.
type winogradTiles struct {
	b, h, w int // outputs of the convolution the tiles cut
	th, tw  int // tiles down and across
	ph, pw  int // pad: patch (i,j) of the input begins at row 4i-ph, column 4j-pw
	ih, iw  int // input
	ci, co  int
}

// patchFloats is the scratch edge patches need.
func patchFloats(c int) int { return 36 * c }

// count is the number of tiles of the batch.
func (s *winogradTiles) count() int { return s.b * s.th * s.tw }

// at is the image and the first output row and column of tile t.
func (s *winogradTiles) at(t int) (b, i, j int) {
	return t / (s.th * s.tw), t / s.tw % s.th * 4, t % s.tw * 4
}

// points transforms the size x size patch of image src [h,w,c] at (i,j) to dst; pixels outside the image are zero.
func (k winogradTransform) points(dst []float32, point int, src []float32, h, w, c, i, j int, patch []float32) {
	size := len(winogradMatrices[k][0])
	if i >= 0 && j >= 0 && i+size <= h && j+size <= w {
		k.apply(dst, 6*point, point, src, (i*w+j)*c, w*c, c, c)
		return
	}
	patch = patch[:size*size*c]
	j0, j1 := max(j, 0), max(min(j+size, w), max(j, 0))
	for r := range size {
		row := patch[r*size*c : (r+1)*size*c]
		if !within(i+r, h) {
			clear(row)
			continue
		}
		clear(row[:min(j0-j, size)*c])
		if j1 > j0 {
			copy(row[(j0-j)*c:(j1-j)*c], src[((i+r)*w+j0)*c:])
		}
		clear(row[min(j1-j, size)*c:])
	}
	k.apply(dst, 6*point, point, patch, 0, size*c, c, c)
}

// pixels transforms points to the 4x4 patch at (i,j) of image dst [h,w,c], channels c0 to c0+n; pixels outside the image are dropped.
func winogradPixels(dst []float32, h, w, c, i, j, c0, n int, src []float32, point int, patch []float32) {
	if i+4 <= h && j+4 <= w {
		winogradOutput.apply(dst[(i*w+j)*c+c0:], w*c, c, src, 0, 6*point, point, n)
		return
	}
	winogradOutput.apply(patch, 4*n, n, src, 0, 6*point, point, n)
	for r := range min(4, h-i) {
		for s := range min(4, w-j) {
			copy(dst[((i+r)*w+j+s)*c+c0:][:n], patch[(4*r+s)*n:])
		}
	}
}

// pointStride is the distance between two points of n floats each: never a multiple of 4 KiB, which would make the 36 points share cache sets.
func pointStride(n int) int { return roundUp(n, 1024) + 48 }

// winogradOK says whether F(4x4,3x3) can compute the convolution in all three directions.
func (c *Conv) winogradOK() bool {
	return c.KH == 3 && c.KW == 3 && c.SH == 1 && c.SW == 1 && c.DH == 1 && c.DW == 1 && c.Groups == 1 &&
		c.PH <= 2 && c.PW <= 2 && c.Ci%winogradLanes == 0 && c.Co%winogradLanes == 0
}

// winogradPays says whether it is faster than direct: patches mostly full, and enough of them to pay for transforming the weights.
func (c *Conv) winogradPays() bool {
	tiles := ceil(c.OH, 4) * ceil(c.OW, 4)
	return 9*c.OH*c.OW >= 2*36*tiles && c.B*tiles >= 32
}

// winograd is a 3x3 convolution, or the gradient by x as a convolution with turned weights, by F(4x4,3x3): transform patches of x to 36
// points (V), multiply each point with the transformed weights (U) to M, and transform M to patches of y.
//
// Where U is small, a task takes some tiles through all three stages within L2. Where it is large, the stages run one after the other over
// many tiles, and the products are cut by points, so that U is read once.
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

	uPoint, vPoint, mPoint int // distances between points
	vRow, mRow             int // distances between tiles
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
	winogradGroup  = 56        // tiles of a fused task, rounded to whole micro-kernels
	winogradChunk  = 256       // tiles of a staged chunk
	winogradWide   = 256 * 256 // Ci*Co from which stages are separate
	winogradStrip  = 8         // tiles transformed by one task
	winogradCoCuts = 4         // cuts of the panels in a staged product
)

func (c Conv) winograd(backward bool, src, w, dst, scratch []float32) {
	g := winograds.get()
	g.set(c, backward)
	g.src, g.w, g.dst = src, w, dst
	scratch = align(scratch)
	if need := g.shared() + g.floats; len(scratch) < need {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, lineFloats+need))
	}
	take := func(n int) []float32 {
		s := scratch[:n]
		scratch = scratch[n:]
		return s
	}
	g.turned, g.u, g.v, g.m = take(g.turnedFloats()), take(36*g.uPoint), take(g.stagedFloats(g.vPoint)), take(g.stagedFloats(g.mPoint))
	g.buffers = scratch
	g.run()
	g.src, g.w, g.dst, g.turned, g.u, g.v, g.m, g.buffers = nil, nil, nil, nil, nil, nil, nil, nil
	winograds.put(g)
}

func (g *winograd) run() {
	s, panels := &g.tiles, ceil(g.tiles.co, g.level.nr)
	if g.backward {
		runLimited(9*ceil(s.ci, 64), 1<<30, g.turnTask)
	}
	runLimited(panels*ceil(s.ci, 32), 1<<30, g.filterTask)
	workers := fits(g.buffers, g.floats)
	if !g.staged {
		runLimited(g.groups, workers, g.fusedTask)
		return
	}
	for i := range g.groups {
		g.t0, g.t1 = cut(s.count(), g.groups, i)
		strips := ceil(g.t1-g.t0, winogradStrip)
		runLimited(strips, workers, g.inputTask)
		runLimited(36*min(panels, winogradCoCuts), 1<<30, g.productTask)
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
	g.tiles = winogradTiles{b: c.B, h: c.OH, w: c.OW, ih: c.H, iw: c.W, ph: c.PH, pw: c.PW, ci: c.Ci, co: c.Co}
	if backward {
		g.prologue = Prologue{}
		g.tiles = winogradTiles{b: c.B, h: c.H, w: c.W, ih: c.OH, iw: c.OW, ph: 2 - c.PH, pw: 2 - c.PW, ci: c.Co, co: c.Ci}
	}
	s := &g.tiles
	s.th, s.tw = ceil(s.h, 4), ceil(s.w, 4)
	g.staged = s.ci*s.co >= winogradWide
	g.group = roundUp(winogradGroup, g.level.mr)
	g.mRow = g.level.nr
	if g.staged {
		g.group = winogradChunk
		g.mRow = roundUp(s.co, g.level.nr) + lineFloats
	}
	g.groups = ceil(s.count(), g.group)
	g.group = ceil(s.count(), max(1, g.groups))
	g.vRow = s.ci + lineFloats
	g.uPoint = roundUp(s.co, g.level.nr)*s.ci + 48
	g.vPoint, g.mPoint = pointStride(g.group*g.vRow), pointStride(g.group*g.mRow)
	g.floats = max(patchFloats(max(s.ci, s.co)), s.stripFloats(&g.prologue))
	if !g.staged {
		g.floats += 36 * (g.vPoint + g.mPoint)
	}
}

func (g *winograd) turnedFloats() int {
	if g.backward {
		return 9 * g.tiles.ci * g.tiles.co
	}
	return 0
}

func (g *winograd) stagedFloats(point int) int {
	if g.staged {
		return 36 * point
	}
	return 0
}

func (g *winograd) shared() int {
	return g.turnedFloats() + 36*g.uPoint + g.stagedFloats(g.vPoint) + g.stagedFloats(g.mPoint)
}

// turnWeights transposes 64 rows of one tap: [Ci,Co] to [Co,Ci], which are the input and output channels of the gradient.
func (g *winograd) turnWeights(task, _ int) {
	s := &g.tiles
	tap, i := task%9, task/9*64
	n := min(64, s.ci-i)
	size := s.ci * s.co
	transpose(g.turned[tap*size+i*s.co:], s.co, g.w[tap*size+i:(tap+1)*size], s.ci, s.co, n)
}

// filter transforms the weights of up to 32 input channels for one panel: U [36][panel][Ci][nr]. The gradient's taps count backwards.
func (g *winograd) filter(task, _ int) {
	s, nr := &g.tiles, g.level.nr
	panels := ceil(s.co, nr)
	q, i0 := task%panels, task/panels*32
	w, first, tap := g.w, 0, s.ci*s.co
	if g.backward {
		w, first, tap = g.turned, 8*tap, -tap
	}
	n := min(nr, s.co-q*nr)
	for i := i0; i < min(i0+32, s.ci); i++ {
		winogradFilter.apply(g.u[(q*s.ci+i)*nr:], 6*g.uPoint, g.uPoint, w, first+i*s.co+q*nr, 3*tap, tap, n)
	}
}

// input transforms tiles t0 to t1, the first of them to row 0 of v.
func (g *winograd) input(v []float32, t0, t1 int, patch []float32) {
	g.tiles.input(v, g.vRow, g.vPoint, g.src, t0, t1, &g.prologue, patch)
}

// product multiplies n tiles at one point with panel q.
func (g *winograd) product(m, v []float32, n, point, q int) {
	s, nr := &g.tiles, g.level.nr
	t := tower{tile: tile{rs: bytes(g.vRow), cs: floatSize, bs: bytes(nr), k: uintptr(s.ci), ldc: bytes(g.mRow)}}
	t.single()
	t.columns(min(nr, s.co-q*nr))
	t.b = ptr(g.u, point*g.uPoint+q*s.ci*nr)
	t.a, t.c = ptr(v, point*g.vPoint), ptr(m, point*g.mPoint)
	t.rows(n)
}

// output transforms tiles t0 to t1, the first of them in row 0 of m, to n channels of y from c0 on.
func (g *winograd) output(m []float32, t0, t1, c0, n int, patch []float32) {
	s := &g.tiles
	size := s.h * s.w * s.co
	for t := t0; t < t1; t++ {
		b, i, j := s.at(t)
		winogradPixels(g.dst[b*size:(b+1)*size], s.h, s.w, s.co, i, j, c0, n, m[(t-t0)*g.mRow:], g.mPoint, patch)
	}
}

// fused takes one group of tiles through all stages.
func (g *winograd) fused(task, worker int) {
	s, nr := &g.tiles, g.level.nr
	buffer := g.buffers[worker*g.floats : (worker+1)*g.floats]
	v, m, patch := buffer[:36*g.vPoint], buffer[36*g.vPoint:36*(g.vPoint+g.mPoint)], buffer[36*(g.vPoint+g.mPoint):]
	t0, t1 := cut(s.count(), g.groups, task)
	g.input(v, t0, t1, patch)
	for q := range ceil(s.co, nr) {
		for point := range 36 {
			g.product(m, v, t1-t0, point, q)
		}
		g.output(m, t0, t1, q*nr, min(nr, s.co-q*nr), patch)
	}
}

func (g *winograd) inputs(task, worker int) {
	t := g.t0 + task*winogradStrip
	g.input(g.v[(t-g.t0)*g.vRow:], t, min(t+winogradStrip, g.t1), g.buffers[worker*g.floats:(worker+1)*g.floats])
}

func (g *winograd) products(task, _ int) {
	panels := ceil(g.tiles.co, g.level.nr)
	cuts := min(panels, winogradCoCuts)
	q0, q1 := cut(panels, cuts, task%cuts)
	for q := q0; q < q1; q++ {
		g.product(g.m[q*g.level.nr:], g.v, g.t1-g.t0, task/cuts, q)
	}
}

func (g *winograd) outputs(task, worker int) {
	t := g.t0 + task*winogradStrip
	g.output(g.m[(t-g.t0)*g.mRow:], t, min(t+winogradStrip, g.t1), 0, g.tiles.co, g.buffers[worker*g.floats:(worker+1)*g.floats])
}
