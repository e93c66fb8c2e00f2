package kern

import (
	"fmt"
)

// gatherBF16 is a forward convolution, or the gradient by x, of operands rounded to bf16. A task copies some groups of
// images, rounded and stacked (see stack), and multiplies runs of positions with the taps that reach inside the images.
type gatherBF16 struct {
	axes
	stack
	rows  imageRows
	w     []float32
	dst   Values
	dstC  int // channels of an output pixel
	n     int // the same: output channels
	taken int // channels of a source pixel
	depth int // channels summed per tap: taken, with zeros up to whole steps of the product
	pixel int // floats from position to position, two channels in each

	groups, parts, bands, chunks int // groups of images; how tasks cut groups, rows and panels
	rowFloats, groupFloats       int
	imageFloats                  int // of an output image
	listFloats, bufferFloats     int
	panels, buffers              []float32

	packTask, tileTask func(task, worker int)
}

var gathersBF16 = pile[gatherBF16]{bind: func(g *gatherBF16) { g.packTask, g.tileTask = g.packPanel, g.tiles }}

const (
	bf16Buffer = 128 << 10 // floats of source copied per task, so that it stays in L2
	bf16Tasks  = 8         // tasks wanted; fixed, so that shapes alone cut the work
	bf16Slice  = 80 << 10  // floats of weight panels used at a time
	bf16Rows   = 32        // rows of a tile
	tileFloats = bf16Rows * pairColumns
)

func (c Conv) gatherBF16(backward bool, src Values, w []float32, dst Values, scratch []float32) {
	g := gathersBF16.get()
	g.set(c, backward)
	g.rows.src, g.w, g.dst = src, w, dst
	scratch = align(scratch)
	size := g.panelFloats()
	if len(scratch) < size+g.bufferFloats {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c,
			lineFloats+size+g.bufferFloats))
	}
	g.panels, g.buffers = scratch[:size], scratch[size:]
	runLimited(len(g.list)*ceil(g.n, pairColumns), fits(g.buffers, g.bufferFloats), g.packTask)
	runLimited(g.parts*g.bands*g.chunks, fits(g.buffers, g.bufferFloats), g.tileTask)
	g.rows.src, g.w, g.dst, g.panels, g.buffers = Values{}, nil, Values{}, nil, nil
	gathersBF16.put(g)
}

func (c Conv) gatherBF16Scratch(backward bool) int {
	var g gatherBF16
	g.set(c, backward)
	return lineFloats + g.panelFloats() + Threads()*g.bufferFloats
}

func (g *gatherBF16) set(c Conv, backward bool) {
	g.rows = imageRows{conv: c, h: c.H, w: c.W, c: c.Ci}
	if backward {
		g.rows.h, g.rows.w, g.rows.c = c.OH, c.OW, c.Co
		g.rows.conv.Prologue = Prologue{}
	} else if c.seesPatches() {
		g.rows.patches = true
		c = c.onPatches()
	}
	g.axes.set(c, backward)
	g.taken, g.n, g.dstC = c.Ci, c.Co, c.Co
	w := c.W
	g.imageFloats = c.OH * c.OW * c.Co
	if backward {
		g.imageFloats = c.H * c.W * c.Ci
		g.taken, g.n, g.dstC, w = c.Co, c.Ci, c.Ci, c.OW
	}
	g.depth = roundUp(g.taken, pairDepth)
	g.pixel = oddLines(g.depth / 2)
	g.stack = stackFor(&g.axes, w, 1)
	single := g.positions() * g.pixel * g.maxRows(1)
	g.stack = stackFor(&g.axes, w, bf16Buffer/max(1, single))
	g.rowFloats = g.positions() * g.pixel
	g.plan()
}

// plan cuts the work into tasks, by shape alone.
func (g *gatherBF16) plan() {
	c, panels := &g.conv, ceil(g.n, pairColumns)
	g.groups = ceil(c.B, g.images)
	g.bands = 1
	for g.bands < g.gridH && g.maxRows(g.bands)*g.rowFloats > bf16Buffer {
		g.bands++
	}
	g.groupFloats = g.maxRows(g.bands) * g.rowFloats
	g.parts = max(1, ceil(g.groups, max(1, bf16Buffer/max(1, g.groupFloats))),
		min(g.groups, ceil(bf16Tasks, g.bands*panels)))
	for g.bands < g.gridH && g.parts*g.bands*panels < bf16Tasks {
		g.bands++
	}
	g.groupFloats = g.maxRows(g.bands) * g.rowFloats
	g.chunks = min(panels, ceil(bf16Tasks, g.parts*g.bands))
	g.listFloats = offsetFloats(c.KH * c.KW)
	g.bufferFloats = max(turnFloats, 2*g.listFloats+tileFloats+g.images*g.rows.bufferFloats()+ceil(g.groups,
		g.parts)*g.groupFloats)
}

func (g *gatherBF16) panelFloats() int {
	return g.conv.KH * g.conv.KW * g.panelSlice() * ceil(g.n, pairColumns)
}

// panelSlice is the floats of one tap in a panel.
func (g *gatherBF16) panelSlice() int { return g.depth / 2 * pairColumns }

// packPanel packs the taps of one class for a panel of output channels: [tap][depth/2][columns] pairs.
func (g *gatherBF16) packPanel(task, worker int) {
	c, panels := &g.conv, ceil(g.n, pairColumns)
	of := &g.list[task/panels]
	h, w := &of.h, &of.w
	p, size := task%panels, h.n*w.n*g.panelSlice()
	panel := g.panels[of.before*g.panelSlice()*panels+p*size:][:size]
	tmp := g.buffers[worker*g.bufferFloats:][:turnFloats]
	j := p * pairColumns
	n := min(pairColumns, g.n-j)
	for r := range h.n {
		for s := range w.n {
			tap := g.w[((h.k+r*h.kStep)*c.KW+w.k+s*w.kStep)*c.Ci*c.Co:]
			dst := panel[(r*w.n+s)*g.panelSlice():][:g.panelSlice()]
			if g.backward {
				packPairsTransposed(bf16s(dst), Values{F32: tap[j*c.Co:]}, c.Co, g.taken, n, g.depth, tmp)
			} else {
				packPairs(bf16s(dst), Values{F32: tap[j:]}, c.Co, g.taken, n, g.depth)
			}
		}
	}
}

// copyGroup writes rows r0 to r1 of images b0 to b1, at most a stack of them.
func (g *gatherBF16) copyGroup(dst, patch []float32, b0, b1, r0, r1 int) {
	for r := r0; r < r1; r++ {
		row := dst[(r-r0)*g.rowFloats:][:g.rowFloats]
		for phase := range g.step {
			at, _, n := g.run(phase)
			part := row[phase*g.places*g.images*g.pixel:][:g.places*g.images*g.pixel]
			if b1-b0 < g.images {
				clear(part)
				continue
			}
			clear(part[:at*g.images*g.pixel])
			clear(part[(at+n)*g.images*g.pixel:])
		}
		src := g.rows.group(b0, b1, r, 0, g.taken, patch)
		image, step := g.rows.steps()
		for b := range b1 - b0 {
			for phase := range g.step {
				if at, col, n := g.run(phase); n > 0 {
					part := row[((phase*g.places+at)*g.images+b)*g.pixel:]
					packRowsBF16(bf16s(part), 2*g.images*g.pixel, src.From(b*image+col*step), g.step*step, n, g.taken,
						g.depth)
				}
			}
		}
	}
}

// tiles computes one band of rows of some groups, for one run of panels.
func (g *gatherBF16) tiles(task, worker int) {
	chunk, band, part := task%g.chunks, task/g.chunks%g.bands, task/g.chunks/g.bands
	g0, g1 := cut(g.groups, g.parts, part)
	i0, i1 := cut(g.gridH, g.bands, band)
	p0, p1 := cut(ceil(g.n, pairColumns), g.chunks, chunk)
	t := g.task(worker)
	r0, r1 := g.span(i0, i1)
	for k := g0; k < g1; k++ {
		b0 := k * g.images
		g.copyGroup(t.images[(k-g0)*g.groupFloats:], t.patch, b0, min(b0+g.images, g.conv.B), r0, r1)
	}
	t.r0 = r0
	atOnce := max(1, bf16Slice/(g.conv.KH*g.conv.KW*g.panelSlice()))
	for p := p0; p < p1; p += atOnce {
		for k := g0; k < g1; k++ {
			for c := range g.list {
				of := &g.list[c]
				t.begin(of.h, of.w, of.before)
				for i := i0; i < min(i1, of.h.count); i++ {
					t.outputs(p, min(p+atOnce, p1), k, k-g0, i)
				}
			}
		}
	}
}

// gatherTask is one class of one task of a gatherBF16.
type gatherTask struct {
	g          *gatherBF16
	aoff, boff []uintptr
	sums       []float32 // a tile whose outputs are not evenly spaced
	patch      []float32
	images     []float32
	r0         int // first source row copied
	h, w       taps
	panels     int // where the class's panels begin
	tile       pair
}

func (g *gatherBF16) task(worker int) gatherTask {
	buffer := g.buffers[worker*g.bufferFloats : (worker+1)*g.bufferFloats]
	t := gatherTask{g: g}
	t.aoff, buffer = offsetList(buffer, g.conv.KH*g.conv.KW)
	t.boff, buffer = offsetList(buffer, g.conv.KH*g.conv.KW)
	t.sums, buffer = buffer[:tileFloats], buffer[tileFloats:]
	n := g.images * g.rows.bufferFloats()
	t.patch, t.images = buffer[:n], buffer[n:]
	return t
}

// begin sets what all tiles of a class share; tap offsets count from the first row of taps used.
func (t *gatherTask) begin(h, w taps, before int) {
	g := t.g
	t.h, t.w, t.panels = h, w, before*g.panelSlice()*ceil(g.n, pairColumns)
	for r := range h.n {
		for s := range w.n {
			t.aoff[r*w.n+s] = bytes(r*h.dStep*g.rowFloats + g.shift(&w, s)*g.pixel)
			t.boff[r*w.n+s] = bytes((r*w.n + s) * g.panelSlice())
		}
	}
	t.tile = pair{tile: tile{rs: bytes(g.pixel), bs: bytes(pairColumns), aoff: &t.aoff[0], boff: &t.boff[0]}}
	t.tile.depth(g.depth)
}

// outputs computes row i of the class in the images of group k, the copy of which is number at, for panels p0 to p1.
func (t *gatherTask) outputs(p0, p1, k, at, i int) {
	g, h, w := t.g, &t.h, &t.w
	u0, u1 := h.inside(i, g.srcH)
	t.tile.nb = uintptr((u1 - u0) * w.n)
	some := t.tile.nb > 0
	run := w.count * g.images
	direct := some && g.images == 1 && g.dst.BF16 == nil
	if !some {
		clear(t.sums)
	}
	row := at*g.groupFloats + (i*h.step+h.d+u0*h.dStep-t.r0)*g.rowFloats
	for m := 0; m < run; m += bf16Rows {
		size := min(bf16Rows, run-m)
		for p := p0; p < p1; p++ {
			n := min(pairColumns, g.n-p*pairColumns)
			t.tile.c, t.tile.ldc = ptr(t.sums, 0), bytes(pairColumns)
			if direct {
				t.tile.c, t.tile.ldc = ptr(g.dst.F32, t.target(k, i, m)+p*pairColumns), bytes(w.outStep*g.dstC)
			}
			if some {
				t.tile.a = ptr(t.images, row+m*g.pixel)
				t.tile.b = ptr(g.panels, t.panels+(p*h.n+u0)*w.n*g.panelSlice())
				t.tile.columns(n)
				t.tile.run(size)
			}
			if !direct {
				t.scatter(p, k, i, m, size, n)
			}
		}
	}
}

// target is where the output at position m of row i of group k begins.
func (t *gatherTask) target(k, i, m int) int {
	g, h, w := t.g, &t.h, &t.w
	height, width := g.conv.OH, g.conv.OW
	if g.backward {
		height, width = g.conv.H, g.conv.W
	}
	b, j := k*g.images+m%g.images, m/g.images
	return ((b*height+h.outFirst+i*h.outStep)*width + w.outFirst + j*w.outStep) * g.dstC
}

// scatter copies the n columns of a tile's rows to the outputs from position m on, as far as their images exist.
func (t *gatherTask) scatter(p, k, i, m, rows, n int) {
	g := t.g
	if g.dst.BF16 != nil {
		t.scatterHalf(p, k, i, m, rows, n)
		return
	}
	if n == pairColumns && m%g.images == 0 && rows%g.images == 0 && (k+1)*g.images <= g.conv.B {
		s := scatter{dst: ptr(g.dst.F32, t.target(k, i, m)+p*pairColumns), src: ptr(t.sums, 0),
			images: uintptr(g.images), pixels: uintptr(rows / g.images),
			pixelStep: bytes(t.w.outStep * g.dstC), imageStep: bytes(g.imageFloats)}
		s.run()
		return
	}
	for r := range rows {
		if k*g.images+(m+r)%g.images < g.conv.B {
			copy(g.dst.F32[t.target(k, i, m+r)+p*pairColumns:][:n], t.sums[r*pairColumns:])
		}
	}
}

// scatterHalf is scatter to bfloat16, rounded: the rows of one image at a time, which are evenly spaced.
func (t *gatherTask) scatterHalf(p, k, i, m, rows, n int) {
	g := t.g
	for r := range min(rows, g.images) {
		if k*g.images+(m+r)%g.images < g.conv.B {
			to := g.dst.BF16[t.target(k, i, m+r)+p*pairColumns:]
			roundRows(to, t.w.outStep*g.dstC, t.sums[r*pairColumns:], g.images*pairColumns, ceil(rows-r, g.images), n)
		}
	}
}
