package kern

import "fmt"

// correlateBF16 is the gradient by w of operands rounded to bf16: for every tap, x shifted and transposed times dy,
// summed over output pixels.
//
// A task takes some groups of images, some input and some output channels. It copies a number of groups that fits L2 at
// a time: x stacked (see stack) as rows of positions, one row a channel, so that a tap is an offset; dy as pairs of
// neighbouring positions, each row of outputs filled up with zeros to whole steps of the product. It adds to a dw of
// its own; the parts are added in order at the end.
type correlateBF16 struct {
	axes
	stack
	rows imageRows
	dy   Values
	dw   []float32

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
	correlateFloats = 256 << 10 // floats of x and dy copied at a time
	correlateRun    = 256       // positions summed by a call, so that both operands stay in L1
)

func (c Conv) correlateBF16(x, dy Values, dw, scratch []float32) {
	g := correlatesBF16.get()
	g.set(c)
	g.rows.src, g.dy, g.dw = x, dy, dw
	scratch = align(scratch)
	size := g.partialFloats()
	if len(scratch) < size+g.bufferFloats {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c,
			lineFloats+size+g.bufferFloats))
	}
	g.partial, g.buffers = scratch[:size], scratch[size:]
	runLimited(g.parts*g.chunksI*g.chunksO, fits(g.buffers, g.bufferFloats), g.tileTask)
	if g.parts > 1 {
		runLimited(ceil(c.weights(), sumFloats), 1<<30, g.sumTask)
	}
	g.rows.src, g.dy, g.dw, g.partial, g.buffers = Values{}, Values{}, nil, nil, nil
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
	g.axes.set(c, false)
	g.stack = stackFor(&g.axes, c.W, 1)
	single := g.srcH * g.positions() * c.Ci / 2
	g.stack = stackFor(&g.axes, c.W, correlateFloats/max(1, single))
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
		if g.bands >= g.gridH || g.groupX*g.wideI+g.groupDy*g.strideDy <= correlateFloats {
			break
		}
	}
	g.atOnce = 1
	if g.bands == 1 {
		g.atOnce = max(1, min(ceil(g.groups, g.parts), correlateFloats/max(1, g.groupX*g.wideI+g.groupDy*g.strideDy)))
	}
	g.strideX = oddLines(g.atOnce*g.groupX + turnRows)
	g.bufferFloats = 2*offsetFloats(g.atOnce*g.gridH) + offsetFloats(2*g.rowSlots) + offsetFloats(2*g.runSlots) +
		max(g.wideI, g.wideO) +
		turnRows*g.wideI + roundUp(g.images*g.rows.bufferFloats(), lineFloats) + g.wideI*g.strideX +
		g.atOnce*g.groupDy*g.strideDy
}

// cutTasks chooses the cuts that cost least: each cut of the output channels copies x again, each cut of the input
// channels dy, and each part is one more dw to clear, fill and add.
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
