package kern

import (
	"fmt"
	"unsafe"
)

// correlateBF16 is the gradient by w of operands rounded to bf16: for every tap, x shifted and transposed times dy, summed over output pixels.
//
// A task takes some groups of images, some input and some output channels. It copies a number of groups that fits L2 at a time: x stacked
// (see stack) as rows of positions, one row a channel, so that a tap is an offset; dy as pairs of neighbouring positions, each row of outputs
// filled up with zeros to whole steps of the product. It adds to a dw of its own; the parts are added in order at the end.
type correlateBF16 struct {
	axes
	stack
	rows   imageRows
	dy, dw []float32

	groups, parts      int // groups of images, cut into partial sums
	chunksI, chunksO   int // cuts of the input and the output channels
	bands, atOnce      int // cuts of the output rows where one group is too large; groups copied at a time
	wideI, wideO       int // channels of a chunk, rounded up to whole transposes and panels
	rowSlots, runSlots int // pairs of positions of a row of x, and of outputs
	groupX, groupDy    int // pairs of a group of x in a channel's row; pairs of a group of dy
	strideX, strideDy  int // floats from channel to channel of x, and from pair to pair of dy
	bufferFloats       int
	partial, buffers   []float32 // [parts-1][KH,KW,Ci,Co]: the first part is dw itself; workers' buffers

	tileTask, sumTask func(task, worker int)
}

var correlatesBF16 = pile[correlateBF16]{bind: func(g *correlateBF16) { g.tileTask, g.sumTask = g.tiles, g.sum }}

const (
	correlateHalves = 256 << 10 // floats of x and dy copied at a time
	correlateRun    = 256       // positions summed by a call, so that both operands stay in L1
)

func (c Conv) correlateBF16(x, dy, dw, scratch []float32) {
	g := correlatesBF16.get()
	g.set(c)
	g.rows.src, g.dy, g.dw = x, dy, dw
	scratch = align(scratch)
	size := g.partialFloats()
	if len(scratch) < size+g.bufferFloats {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, lineFloats+size+g.bufferFloats))
	}
	g.partial, g.buffers = scratch[:size], scratch[size:]
	runLimited(g.parts*g.chunksI*g.chunksO, fits(g.buffers, g.bufferFloats), g.tileTask)
	if g.parts > 1 {
		runLimited(ceil(c.weights(), sumFloats), 1<<30, g.sumTask)
	}
	g.rows.src, g.dy, g.dw, g.partial, g.buffers = nil, nil, nil, nil, nil
	correlatesBF16.put(g)
}

func (c Conv) correlateBF16Scratch() int {
	var g correlateBF16
	g.set(c)
	return lineFloats + g.partialFloats() + Threads()*g.bufferFloats
}

func (g *correlateBF16) set(c Conv) {
	g.rows = imageRows{conv: c, h: c.H, w: c.W, c: c.Ci}
	if c.seesPatches() {
		g.rows.patches = true
		c = c.onPatches()
	}
	g.axes = axesOf(c, false)
	g.stack = stackFor(&g.axes, c.W, 1)
	single := g.srcH * g.positions() * c.Ci / 2
	g.stack = stackFor(&g.axes, c.W, correlateHalves/max(1, single))
	g.groups = ceil(c.B, g.images)
	g.rowSlots = ceil(g.positions(), 2)
	g.runSlots = roundUp(g.gridW*g.images, pairDepth) / 2
	g.cutTasks()
	g.wideI = roundUp(ceil(ceil(c.Ci, turnRows), g.chunksI)*turnRows, turnRows)
	g.wideO = ceil(ceil(c.Co, pairColumns), g.chunksO) * pairColumns
	g.strideDy = oddLines(g.wideO)
	for g.bands = 1; ; g.bands++ {
		g.groupX = roundUp(g.maxRows(g.bands)*g.rowSlots, turnRows)
		g.groupDy = ceil(g.gridH, g.bands) * g.runSlots
		if g.bands >= g.gridH || g.groupX*g.wideI+g.groupDy*g.strideDy <= correlateHalves {
			break
		}
	}
	g.atOnce = 1
	if g.bands == 1 {
		g.atOnce = max(1, min(ceil(g.groups, g.parts), correlateHalves/max(1, g.groupX*g.wideI+g.groupDy*g.strideDy)))
	}
	g.strideX = oddLines(g.atOnce*g.groupX + turnRows)
	g.bufferFloats = 2*offsetFloats(g.atOnce*g.gridH) + offsetFloats(2*g.rowSlots) + offsetFloats(2*g.runSlots) + max(g.wideI, g.wideO) +
		turnRows*g.wideI + roundUp(g.images*g.rows.bufferFloats(), lineFloats) + g.wideI*g.strideX + g.atOnce*g.groupDy*g.strideDy
}

// cutTasks chooses the cuts that cost least: each cut of the output channels copies x again, each cut of the input channels dy, and each
// part is one more dw to clear, fill and add.
func (g *correlateBF16) cutTasks() {
	c := &g.conv
	x, dy, dw := c.B*g.rows.h*g.positions()/g.images*c.Ci, c.B*c.OH*c.OW*c.Co, c.weights()
	mostI, mostO := ceil(c.Ci, bf16Rows), ceil(c.Co, pairColumns)
	wanted := min(bf16Tasks, max(1, g.groups)*mostI*mostO)
	best := -1
	for parts := 1; parts <= min(2*bf16Tasks, max(1, g.groups)); parts++ {
		for i := 1; i <= min(mostI, bf16Tasks); i++ {
			o := min(mostO, ceil(wanted, parts*i))
			if parts*i*o < wanted {
				continue
			}
			if cost := 3*x*o + 2*dy*i + 6*dw*parts; best < 0 || cost < best {
				best, g.parts, g.chunksI, g.chunksO = cost, parts, i, o
			}
		}
	}
}

func (g *correlateBF16) partialFloats() int {
	return roundUp((g.parts-1)*g.conv.weights(), lineFloats)
}

// sum adds the parts to a piece of dw.
func (g *correlateBF16) sum(task, _ int) {
	size := g.conv.weights()
	from, to := task*sumFloats, min((task+1)*sumFloats, size)
	for p := range g.parts - 1 {
		addTo(g.dw[from:to], g.partial[p*size+from:p*size+to])
	}
}

// tiles computes one part's sums for one chunk of input and of output channels.
func (g *correlateBF16) tiles(task, worker int) {
	t := g.task(task, worker)
	part := task / g.chunksI / g.chunksO
	g0, g1 := cut(g.groups, g.parts, part)
	t.dw = g.dw
	if size := g.conv.weights(); part > 0 {
		t.dw = g.partial[(part-1)*size : part*size]
	}
	t.clear()
	for k := g0; k < g1; k += g.atOnce {
		for band := range g.bands {
			i0, i1 := cut(g.gridH, g.bands, band)
			r0, r1 := g.span(i0, i1)
			n := min(g.atOnce, g1-k)
			for m := range n {
				b0 := (k + m) * g.images
				b1 := min(b0+g.images, g.conv.B)
				t.copyX(m, b0, b1, r0, r1)
				t.copyDy(m, b0, b1, i0, i1)
			}
			for u := range g.conv.KH {
				t.taps(u, n, i0, i1, r0)
			}
		}
	}
}

// correlateTask is one task of a correlateBF16: input channels c0 to c1 and output channels o0 to o1.
type correlateTask struct {
	g              *correlateBF16
	c0, c1, o0, o1 int
	dw             []float32
	aoff, boff     []uintptr
	fromX, fromDy  []int32   // offset of each position of a row in the source, or -1
	zeros          []float32 // in place of a pixel outside
	pairs          []float32 // [turnRows][wideI], to be transposed
	patch          []float32
	x              []float32 // [wideI] rows of groups of rows of positions
	y              []float32 // groups of runs of pairs of positions, [wideO] each
}

func (g *correlateBF16) task(task, worker int) correlateTask {
	t := correlateTask{g: g}
	blocks := ceil(g.conv.Ci, turnRows)
	t.c0, t.c1 = cut(blocks, g.chunksI, task/g.chunksO%g.chunksI)
	t.c0, t.c1 = t.c0*turnRows, min(t.c1*turnRows, g.conv.Ci)
	t.o0, t.o1 = cut(ceil(g.conv.Co, pairColumns), g.chunksO, task%g.chunksO)
	t.o0, t.o1 = t.o0*pairColumns, min(t.o1*pairColumns, g.conv.Co)

	buffer := g.buffers[worker*g.bufferFloats : (worker+1)*g.bufferFloats]
	take := func(n int) []float32 {
		s := buffer[:n]
		buffer = buffer[n:]
		return s
	}
	t.aoff, buffer = offsetList(buffer, g.atOnce*g.gridH)
	t.boff, buffer = offsetList(buffer, g.atOnce*g.gridH)
	t.fromX, buffer = positionList(buffer, 2*g.rowSlots)
	t.fromDy, buffer = positionList(buffer, 2*g.runSlots)
	t.zeros = take(max(g.wideI, g.wideO))
	t.pairs = take(turnRows * g.wideI)
	t.patch = take(roundUp(g.images*g.rows.bufferFloats(), lineFloats))
	t.x = take(g.wideI * g.strideX)
	t.y = take(g.atOnce * g.groupDy * g.strideDy)
	clear(t.zeros)
	clear(t.pairs)
	return t
}

func (t *correlateTask) clear() {
	c := &t.g.conv
	for tap := range c.KH * c.KW {
		for i := t.c0; i < t.c1; i++ {
			clear(t.dw[(tap*c.Ci+i)*c.Co+t.o0 : (tap*c.Ci+i)*c.Co+t.o1])
		}
	}
}

// copyX writes rows r0 to r1 of images b0 to b1 as group m, and zeros after them: the last run may reach over the end.
func (t *correlateTask) copyX(m, b0, b1, r0, r1 int) {
	g := t.g
	image, pixel := g.rows.steps()
	for p := range t.fromX {
		t.fromX[p] = -1
	}
	for phase := range g.step {
		at, col, n := g.run(phase)
		for p := range n * g.images {
			if j, b := p/g.images, p%g.images; b < b1-b0 {
				t.fromX[(phase*g.places+at)*g.images+p] = int32(b*image + (col+j*g.step)*pixel)
			}
		}
	}
	wide, dst, filled := roundUp(t.c1-t.c0, turnRows), m*g.groupX, 0
	for r := r0; r < r1; r++ {
		src := g.rows.group(b0, b1, r, t.patch)
		for p := 0; p < len(t.fromX); p += 2 {
			t.pair(t.pairs[filled*wide:(filled+1)*wide], src, t.fromX[p], t.fromX[p+1], t.c0, t.c1)
			if filled++; filled == turnRows {
				transpose(t.x[dst:], g.strideX, t.pairs, wide, turnRows, wide)
				dst, filled = dst+turnRows, 0
			}
		}
	}
	if filled > 0 {
		clear(t.pairs[filled*wide : turnRows*wide])
		transpose(t.x[dst:], g.strideX, t.pairs, wide, turnRows, wide)
		dst += turnRows
	}
	for c := range wide {
		clear(t.x[c*g.strideX+dst:][:turnRows])
	}
}

// copyDy writes rows i0 to i1 of images b0 to b1 as group m.
func (t *correlateTask) copyDy(m, b0, b1, i0, i1 int) {
	g, c := t.g, &t.g.conv
	for p := range t.fromDy {
		t.fromDy[p] = -1
		if j, b := p/g.images, p%g.images; j < c.OW && b < b1-b0 {
			t.fromDy[p] = int32(b*c.OH*c.OW*c.Co + j*c.Co)
		}
	}
	dst := t.y[m*g.groupDy*g.strideDy:]
	wide := roundUp(t.o1-t.o0, pairColumns)
	for i := i0; i < i1; i++ {
		src := g.dy[(b0*c.OH+i)*c.OW*c.Co:]
		for p := 0; p < len(t.fromDy); p += 2 {
			t.pair(dst[:wide], src, t.fromDy[p], t.fromDy[p+1], t.o0, t.o1)
			dst = dst[g.strideDy:]
		}
	}
}

// pair writes channels c0 to c1 of two pixels of src, zero beyond.
func (t *correlateTask) pair(dst, src []float32, p, q int32, c0, c1 int) {
	if p < 0 && q < 0 {
		clear(dst)
		return
	}
	a, b := t.zeros, t.zeros
	if p >= 0 {
		a = src[int(p)+c0:]
	}
	if q >= 0 {
		b = src[int(q)+c0:]
	}
	n := c1 - c0
	roundPairs(bf16s(dst), a[:n], b[:n])
	clear(dst[n:])
}

// taps adds to the columns of taps u, over rows i0 to i1 of n groups, x copied from row r0 on.
func (t *correlateTask) taps(u, n, i0, i1, r0 int) {
	g, c := t.g, &t.g.conv
	h, w := g.tapsH(0), g.tapsW(0)
	blocks := 0
	for m := range n {
		for i := i0; i < i1; i++ {
			if row := i*h.step + h.d + u*h.dStep; within(row, g.srcH) {
				t.aoff[blocks] = bytes(m*g.groupX + (row-r0)*g.rowSlots)
				t.boff[blocks] = bytes((m*g.groupDy + (i-i0)*g.runSlots) * g.strideDy)
				blocks++
			}
		}
	}
	product := pair{tile: tile{rs: bytes(g.strideX), bs: bytes(g.strideDy), ldc: bytes(c.Co), add: 1}}
	product.depth(2 * g.runSlots)
	per := max(1, correlateRun/(2*g.runSlots))
	for q := 0; q < blocks; q += per {
		product.nb = uintptr(min(per, blocks-q))
		product.aoff, product.boff = &t.aoff[q], &t.boff[q]
		for o := t.o0; o < t.o1; o += pairColumns {
			product.b = ptr(t.y, o-t.o0)
			product.columns(min(pairColumns, t.o1-o))
			for v := range c.KW {
				product.a = unsafe.Add(ptr(t.x, 0), bf16Size*g.shift(&w, v))
				product.c = ptr(t.dw, ((u*c.KW+v)*c.Ci+t.c0)*c.Co+o)
				product.run(t.c1 - t.c0)
			}
		}
	}
}

// positionList places n positions into scratch and returns what is left.
func positionList(s []float32, n int) ([]int32, []float32) {
	return unsafe.Slice((*int32)(unsafe.Pointer(&s[0])), n), s[offsetFloats(n):]
}
