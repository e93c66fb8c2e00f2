package kern

import "fmt"

// correlate is the gradient by w: for every tap, x shifted and transposed times dy, summed over output pixels.
//
// A task takes some images and some panels of output channels. It copies x with zero columns and dy into panels, a
// group of images, a band of rows or a span of a row at a time that fits L2, and adds to a dw of its own; the parts are
// added in order at the end.
type correlate struct {
	conv     Conv
	x, dy    []float32
	dw       []float32
	depth    int // rows of a tap: Ci, or KW*Ci merged
	kw       int // taps along the width, 1 when merged
	n        int
	group    int
	merged   bool
	whole    bool // a panel of dy is read within whole rows: where dy is, or of the copy from behind a norm
	level    blocking
	view     window
	parts    int // partial sums, cut over images
	chunks   int // cuts of the panels
	images   int // images copied at a time
	bands    int // cuts of the output rows, where one image is too large
	spans    int // cuts of an output row, where one is too large: long sequences
	row      int // floats of a row of the copy
	perImage int // floats of one copied image, band or span, and of dy's panel
	dyPixel  int // floats from pixel to pixel of what is read as dy, from image to image, and from panel to panel
	dyImage  int
	dyPanel  int
	floats   int       // of a worker's buffers
	partial  []float32 // [parts-1][KH,KW,Ci/Groups,Co]; the first part is dw itself
	buffers  []float32

	tileTask, sumTask func(task, worker int)
}

var correlates = pile[correlate]{bind: func(g *correlate) { g.tileTask, g.sumTask = g.tiles, g.sum }}

const (
	correlatePartial = 5 << 20  // floats all partial sums may take
	correlateSpan    = 16       // output pixels that pay for reading dw
	sumFloats        = 16 << 10 // floats of dw a task adds up
)

func (c Conv) correlate(x, dy, dw, scratch []float32) {
	g := correlates.get()
	g.set(c)
	g.x, g.dy, g.dw = x, dy, dw
	scratch = align(scratch)
	size := g.partialFloats()
	if len(scratch) < size+g.floats {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c,
			lineFloats+size+g.floats))
	}
	g.partial, g.buffers = scratch[:size], scratch[size:]
	for g.group = range c.Groups {
		g.view.first = g.group * g.view.take
		runLimited(g.parts*g.chunks, fits(g.buffers, g.floats), g.tileTask)
	}
	if g.parts > 1 {
		runLimited(ceil(c.weights(), sumFloats), 1<<30, g.sumTask)
	}
	g.x, g.dy, g.dw, g.partial, g.buffers, g.conv.Behind = nil, nil, nil, nil, nil, NormGradient{}
	correlates.put(g)
}

func (c Conv) correlateScratch() int {
	var g correlate
	g.set(c)
	return lineFloats + g.partialFloats() + Threads()*g.floats
}

func (g *correlate) set(c Conv) {
	g.conv, g.level = c, *dims()
	ci := c.Ci / c.Groups
	g.n, g.depth, g.kw = c.Co/c.Groups, ci, c.KW
	g.merged = c.DW == 1 && c.Groups == 1 && ci <= narrowChannels && c.KW > 1
	g.whole = c.Groups == 1 && c.Co <= narrowChannels && c.Co%lineFloats == 0 // what a tile reads of a row is there
	if g.merged {
		g.depth, g.kw = ci*c.KW, 1
	}
	g.view = window{h: c.H, w: c.W, c: c.Ci, take: ci, pixel: pixelStride(ci), left: c.PW, prologue: c.Prologue}
	g.view.right = max(0, (c.OW-1)*c.SW+(c.KW-1)*c.DW+1-c.PW-c.W)
	panels := ceil(g.n, g.level.nr)
	g.parts = max(1, min(c.B, convTasks, correlatePartial/c.weights()))
	g.chunks = min(panels, ceil(convTasks, g.parts))
	own := ceil(panels, g.chunks) // copies of dy that a task has: of its panels
	g.dyPixel = g.level.nr
	if g.whole {
		own, g.dyPixel = 0, c.Co
		if c.Behind.on() {
			own = 1
		}
	}
	for g.bands = 1; ; g.bands++ {
		if g.sizes(ceil(c.OH, g.bands), g.view.columns(), c.OW, own) || g.bands == c.OH {
			break
		}
	}
	for g.spans = 1; ; g.spans++ {
		outputs := ceil(c.OW, g.spans)
		if g.sizes(ceil(c.OH, g.bands), g.columns(0, outputs), outputs, own) || g.view.columns() > c.W ||
			ceil(c.OW, g.spans+1) < correlateSpan {
			break
		}
	}
	g.images = 1
	if g.bands*g.spans == 1 {
		g.images = max(1, min(ceil(c.B, g.parts), g.level.images/(g.perImage+own*g.dyImage)))
		if small := g.level.inner / (c.OH * (g.view.row() + c.OW*g.level.nr)); small > 0 {
			g.images = min(g.images, small)
		}
	}
	g.dyPanel = g.images * g.dyImage
	if g.whole {
		g.dyPanel = g.level.nr
	}
	g.floats = 2*offsetFloats(c.KH*g.images*c.OH) + g.images*(g.perImage+own*g.dyImage)
}

// sizes is whether so many rows of outputs of so many columns fit L2, from so many columns of the source.
func (g *correlate) sizes(rows, columns, outputs, own int) bool {
	c := &g.conv
	g.row = columns * g.view.pixel
	g.perImage = roundUp(min(c.H, (rows-1)*c.SH+(c.KH-1)*c.DH+1)*g.row, lineFloats)
	g.dyImage = rows * outputs * g.dyPixel
	return g.perImage+own*g.dyImage <= g.level.images
}

// columns is how many columns of the source output columns q0 to q1 of a row meet, where there is no padding.
func (g *correlate) columns(q0, q1 int) int {
	c := &g.conv
	if g.spans == 1 {
		return g.view.columns()
	}
	return (q1-q0-1)*c.SW + (c.KW-1)*c.DW + 1
}

func (g *correlate) partialFloats() int {
	return roundUp((g.parts-1)*g.conv.weights(), lineFloats)
}

// tiles computes one part's sums for one run of panels.
func (g *correlate) tiles(task, worker int) {
	c, nr := &g.conv, g.level.nr
	part, chunk := task/g.chunks, task%g.chunks
	b0, b1 := cut(c.B, g.parts, part)
	p0, p1 := cut(ceil(g.n, nr), g.chunks, chunk)
	dw := g.dw
	if part > 0 {
		dw = g.partial[(part-1)*c.weights() : part*c.weights()]
	}
	buffer := g.buffers[worker*g.floats : (worker+1)*g.floats]
	aoff, buffer := offsetList(buffer, c.KH*g.images*c.OH)
	boff, buffer := offsetList(buffer, c.KH*g.images*c.OH)
	xs, dys := buffer[:g.images*g.perImage], buffer[g.images*g.perImage:]
	for m := range g.images {
		g.view.frame(xs[m*g.perImage:], g.perImage/g.view.row())
	}
	h := forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH)
	t := tower{tile: tile{rs: floatSize, cs: bytes(c.SW * g.view.pixel), bs: bytes(g.dyPixel),
		ldc: bytes(c.Co), aoff: &aoff[0], boff: &boff[0]}}
	for b := b0; b == b0 || b < b1; b += g.images {
		images := min(g.images, b1-b)
		for piece := range g.bands * g.spans {
			o0, o1 := cut(c.OH, g.bands, piece/g.spans)
			q0, q1 := cut(c.OW, g.spans, piece%g.spans)
			t.k = uintptr(q1 - q0)
			r0, r1 := max(0, h.low(o0)), min(c.H, h.high(o1-1)+1)
			g.copyImages(xs, dys, b, images, p0, p1, o0, o1, q0, q1, r0, max(r0, r1))
			panels := dys // from p0 on
			switch {
			case c.Behind.on():
				panels = dys[p0*nr:]
			case g.whole:
				panels = g.dy[min(((b*c.OH+o0)*c.OW+q0)*c.Co+p0*nr, len(g.dy)):]
			}
			t.add = 0
			if b > b0 || piece > 0 {
				t.add = 1
			}
			g.ahead(&t, b+images, min(b1, b+2*images), (p1-p0)*c.KH*g.kw*ceil(g.depth, g.level.mr)*images*c.OH)
			if b == b0 && piece == 0 || g.bands > 1 {
				g.offsets(aoff, boff, &h, o0, o1, r0)
			}
			for u := range c.KH {
				from, to := h.meeting(u, c.H)
				t.nb = uintptr(images * max(0, min(to, o1)-max(from, o0)))
				t.aoff, t.boff = &aoff[u*g.images*c.OH], &boff[u*g.images*c.OH]
				for v := range g.kw {
					g.tap(&t, dw, xs, panels, u*c.KW+v, v*c.DW, p0, p1)
				}
			}
		}
	}
}

// offsets lists, for each row of the kernel, where output rows o0 to o1 of each image find the row of x that they meet,
// in copies from row r0 on, and their own.
func (g *correlate) offsets(aoff, boff []uintptr, h *taps, o0, o1, r0 int) {
	c := &g.conv
	for u := range c.KH {
		from, to := h.meeting(u, c.H)
		n := u * g.images * c.OH
		for m := range g.images {
			for i := max(from, o0); i < min(to, o1); i++ {
				aoff[n] = bytes(m*g.perImage + (i*h.step+h.d+u*h.dStep-r0)*g.row)
				boff[n] = bytes(m*g.dyImage + (i-o0)*c.OW*g.dyPixel)
				n++
			}
		}
	}
}

// ahead fetches images b0 to b1 of x and dy, and of y behind a norm, while so many blocks of tiles of others are
// computed.
func (g *correlate) ahead(t *tower, b0, b1, blocks int) {
	if b1 <= b0 || g.bands*g.spans > 1 {
		t.fetches = fetches{}
		return
	}
	x, y := g.conv.H*g.conv.W*g.conv.Ci, g.conv.OH*g.conv.OW*g.conv.Co
	var behind []float32
	if n := &g.conv.Behind; n.on() {
		behind = n.Y[b0*y : b1*y]
	}
	t.fetches.set(blocks, g.x[b0*x:b1*x], g.dy[b0*y:b1*y], behind)
}

// tap adds to the rows of one tap; dys begins with panel p0, shift is the column of the copy that output column 0
// reads.
func (g *correlate) tap(t *tower, dw, xs, dys []float32, tap, shift, p0, p1 int) {
	c, nr := &g.conv, g.level.nr
	t.a = ptr(xs, shift*g.view.pixel)
	for q := p0; q < p1; q++ {
		t.columns(min(nr, g.n-q*nr))
		t.b = ptr(dys, min((q-p0)*g.dyPanel, len(dys)))
		t.c = ptr(dw, tap*(c.Ci/c.Groups)*c.Co+g.group*g.n+q*nr)
		t.rows(g.depth)
	}
}

// copyImages copies of images b to b+n rows r0 to r1 of x, and rows o0 to o1 of dy: panels p0 to p1, or behind a norm
// all; of a row that is cut, output columns q0 to q1 and what they meet.
func (g *correlate) copyImages(xs, dys []float32, b, n, p0, p1, o0, o1, q0, q1, r0, r1 int) {
	c, nr := &g.conv, g.level.nr
	size, pixels := c.H*c.W*c.Ci, (o1-o0)*(q1-q0)
	for m := range n {
		x := g.x[(b+m)*size : (b+m+1)*size]
		if g.spans == 1 {
			g.view.copy(xs[m*g.perImage:], x, r0, r1)
		} else {
			g.view.copySpan(xs, g.row, x, r0, r1, q0*c.SW, g.columns(q0, q1))
		}
		at := (((b+m)*c.OH+o0)*c.OW + q0) * c.Co
		if c.Behind.on() {
			c.Behind.Move(dys[m*g.dyImage:][:pixels*c.Co], g.dy[at:], c.Behind.Y[at:])
		}
		for q := p0; q < p1 && !g.whole; q++ {
			dst := dys[(q-p0)*g.dyPanel+m*g.dyImage:][:pixels*nr]
			packRows(dst, nr, g.dy[at+g.group*g.n+q*nr:], c.Co, pixels, min(nr, g.n-q*nr))
		}
	}
}

// sum adds the parts to a piece of dw.
func (g *correlate) sum(task, _ int) {
	size := g.conv.weights()
	from, to := task*sumFloats, min((task+1)*sumFloats, size)
	for p := range g.parts - 1 {
		addTo(g.dw[from:to], g.partial[p*size+from:p*size+to])
	}
}
