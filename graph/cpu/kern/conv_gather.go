package kern

import "fmt"

// gather is a forward convolution, or the gradient by x, as products of micro-kernels: every output pixel gathers the
// taps that reach inside the source. There is no im2col; a task copies the rows it needs once, with zero columns at the
// sides.
type gather struct {
	axes
	src       []float32
	w, dst    []float32
	srcC      int // channels of a source and of an output pixel
	dstC      int
	depth     int // channels summed per tap
	n         int // output channels of the group
	group     int
	merged    bool // the columns of a kernel row are one run of memory: one tap of depth KW*Ci
	level     blocking
	view      window
	listFloat int

	perImage bool // a tile's rows are images, at one pixel; else pixels of one row

	images, bands, chunks int // how tasks cut batch, rows and panels
	bufferFloats          int
	blocks                int // of tiles, of one panel in a task
	imageFloats           int
	panels                []float32
	buffers               []float32
	framed                []bool // by worker: its buffer has its zero columns
	packTask, tileTask    func(task, worker int)
}

var gathers = pile[gather]{bind: func(g *gather) { g.packTask, g.tileTask = g.packPanel, g.tiles }}

const (
	gatherBuffer = 160 << 10 // floats of source copied per task, so that it stays in L2
	gatherSlice  = 96 << 10  // floats of a weight panel used at a time
	gatherRows   = 4 << 10   // floats of source that one call reads, so that they stay in L1
	gatherPixels = 256       // outputs per task that pay for reading the weights
	convTasks    = 16        // tasks wanted; fixed, so that shapes alone cut the work
)

func (c Conv) gather(backward bool, src, w, dst, scratch []float32) {
	g := gathers.get()
	g.set(c, backward)
	g.src, g.w, g.dst = src, w, dst
	scratch = align(scratch)
	size := g.panelFloats()
	if len(scratch) < size+g.bufferFloats {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c,
			lineFloats+size+g.bufferFloats))
	}
	g.panels, g.buffers = scratch[:size], scratch[size:]
	if workers := Threads(); len(g.framed) != workers {
		g.framed = make([]bool, workers)
	}
	clear(g.framed)
	for g.group = range c.Groups {
		g.view.first = g.group * g.depthOfTap()
		runLimited(len(g.list)*ceil(g.n, g.level.nr), 1<<30, g.packTask)
		runLimited(g.images*g.bands*g.chunks, min(len(g.framed), fits(g.buffers, g.bufferFloats)), g.tileTask)
	}
	g.src, g.w, g.dst, g.panels, g.buffers = nil, nil, nil, nil, nil
	gathers.put(g)
}

func (c Conv) gatherScratch(backward bool) int {
	var g gather
	g.set(c, backward)
	return lineFloats + g.panelFloats() + Threads()*g.bufferFloats
}

func (g *gather) set(c Conv, backward bool) {
	g.axes.set(c, backward)
	g.level = *dims()
	g.srcC, g.dstC, g.depth, g.n = c.Ci, c.Co, c.Ci/c.Groups, c.Co/c.Groups
	g.view = window{h: c.H, w: c.W, prologue: c.Prologue}
	g.merged = !backward && c.DW == 1 && c.Groups == 1 && c.KW > 1 && (c.Ci < lineFloats || c.Ci <= narrowChannels &&
		c.OW > (g.level.mr+2)/2)
	if backward {
		g.srcC, g.dstC, g.depth, g.n = g.dstC, g.srcC, g.n, g.depth
		g.view = window{h: c.OH, w: c.OW}
	}
	g.view.c, g.view.take, g.view.pixel = g.srcC, g.depth, pixelStride(g.depth)
	for r := range g.classesW() {
		t := g.tapsW(r)
		if t.n > 0 && t.count > 0 {
			g.view.left = max(g.view.left, -t.low(0))
			g.view.right = max(g.view.right, t.high(t.count-1)+1-g.view.w)
		}
	}
	if g.merged {
		g.depth *= c.KW
	}
	g.plan()
}

// plan cuts the work into tasks, by shape alone.
func (g *gather) plan() {
	c, panels := &g.conv, ceil(g.n, g.level.nr)
	g.perImage = c.B >= g.level.mr/2 && g.gridW <= (g.level.mr+2)/2 && g.gridH*g.gridW <= 64
	pixels := max(1, g.gridH*g.gridW)
	g.bands = 1
	if g.perImage {
		tiles := ceil(c.B, g.level.mr)
		per := min(ceil(gatherPixels, pixels*g.level.mr), gatherBuffer/max(1, g.level.mr*g.srcH*g.view.row()),
			tiles/convTasks)
		g.images = ceil(tiles, max(1, per))
	} else {
		per := max(1, min(ceil(gatherPixels, pixels), gatherBuffer/max(1, g.srcH*g.view.row())))
		g.images = ceil(max(c.B, 1), per)
		for g.bands < g.gridH && (g.images*g.bands*panels < convTasks ||
			g.maxRows(g.bands)*g.view.row() > gatherBuffer) {
			g.bands++
		}
	}
	g.chunks = min(panels, ceil(convTasks, max(1, g.images*g.bands)))
	g.blocks = g.blocksOf(c.B / max(1, g.images))
	g.imageFloats = roundUp(g.maxRows(g.bands)*g.view.row(), lineFloats) + lineFloats
	g.listFloat = offsetFloats(c.KH * c.KW)
	g.bufferFloats = 2*g.listFloat + ceil(c.B, max(1, g.images))*g.imageFloats
}

// blocksOf is how many blocks of tiles it takes to compute one panel of some images.
func (g *gather) blocksOf(images int) int {
	n := 0
	for i := range g.list {
		h, w, _ := g.class(i)
		if g.perImage {
			n += h.n * w.n * h.count * w.count * ceil(images, g.level.mr)
		} else {
			n += h.n * w.n * images * h.count * ceil(w.count, g.level.mr)
		}
	}
	return n
}

// rowsOf is how many rows of outputs are computed at a time.
func (g *gather) rowsOf(h *taps) int { return max(1, gatherRows/max(1, h.step*g.view.row())) }

// outputs is the height and width of what is computed.
func (g *gather) outputs() (height, width int) {
	if g.backward {
		return g.conv.H, g.conv.W
	}
	return g.conv.OH, g.conv.OW
}

func (g *gather) depthOfTap() int {
	if g.merged {
		return g.depth / g.conv.KW
	}
	return g.depth
}

func (g *gather) panelFloats() int {
	return g.conv.KH * g.conv.KW * g.depthOfTap() * roundUp(g.n, g.level.nr)
}

// class is one class of outputs: its taps, and where its panels begin.
func (g *gather) class(i int) (h, w taps, panels int) {
	of := &g.list[i]
	h, w = of.h, of.w
	if g.merged {
		w.n = 1 // of all columns of the kernel
	}
	return h, w, of.before * g.depthOfTap() * roundUp(g.n, g.level.nr)
}

// packPanel packs the taps of one class for nr output channels: [tap][depth][nr].
func (g *gather) packPanel(task, _ int) {
	c, nr := &g.conv, g.level.nr
	panels := ceil(g.n, nr)
	h, w, base := g.class(task / panels)
	p := task % panels
	size := h.n * w.n * g.depth * nr
	panel := g.panels[base+p*size : base+(p+1)*size]
	j := p * nr
	n := min(nr, g.n-j)
	for r := range h.n {
		for s := range w.n {
			tap := g.w[((h.k+r*h.kStep)*c.KW+w.k+s*w.kStep)*(c.Ci/c.Groups)*c.Co:]
			dst := panel[(r*w.n+s)*g.depth*nr:][:g.depth*nr]
			if g.backward {
				packTransposed(dst, nr, tap[j*c.Co+g.group*g.depth:], c.Co, g.depth, n)
			} else {
				packRows(dst, nr, tap[g.group*g.n+j:], c.Co, g.depth, n)
			}
		}
	}
}

// tiles computes one band of rows of some images, for one run of panels.
func (g *gather) tiles(task, worker int) {
	chunk, band, part := task%g.chunks, task/g.chunks%g.bands, task/g.chunks/g.bands
	b0, b1 := cut(g.conv.B, g.images, part)
	i0, i1 := cut(g.gridH, g.bands, band)
	p0, p1 := cut(ceil(g.n, g.level.nr), g.chunks, chunk)
	buffer := g.buffers[worker*g.bufferFloats : (worker+1)*g.bufferFloats]
	aoff, buffer := offsetList(buffer, g.conv.KH*g.conv.KW)
	boff, buffer := offsetList(buffer, g.conv.KH*g.conv.KW)
	r0, r1 := g.span(i0, i1)
	size := g.srcH * g.view.w * g.srcC
	if !g.framed[worker] {
		for at := 0; at+g.imageFloats <= len(buffer); at += g.imageFloats {
			g.view.frame(buffer[at:], g.maxRows(g.bands))
		}
		g.framed[worker] = true
	}
	for b := b0; b < b1; b++ {
		g.view.copy(buffer[(b-b0)*g.imageFloats:], g.src[b*size:(b+1)*size], r0, r1)
	}
	part0 := gatherPart{g: g, buffer: buffer, aoff: aoff, boff: boff, b0: b0, b1: b1, r0: r0, p0: p0, p1: p1}
	if b2, b3 := cut(g.conv.B, g.images, part+1); g.bands == 1 && g.chunks == 1 && part+1 < g.images &&
		(b3-b2)*size <= g.level.images {
		// The worker most likely goes on with these.
		height, width := g.outputs()
		made := height * width * g.dstC
		part0.fetches.set((p1-p0)*g.blocks, g.src[b2*size:b3*size], g.dst[b2*made:b3*made])
	}
	for i := range g.list {
		h, w, base := g.class(i)
		last := min(i1, h.count)
		if g.perImage {
			part0.acrossImages(h, w, base, i0, last)
		} else {
			part0.alongRows(h, w, base, i0, last)
		}
	}
}
