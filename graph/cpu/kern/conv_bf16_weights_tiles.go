package kern

import "unsafe"

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
		src := g.rows.group(b0, b1, r, t.c0, t.c1, t.patch)
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
		src := g.dy.From((b0*c.OH + i) * c.OW * c.Co)
		for p := 0; p < len(t.fromDy); p += 2 {
			t.pair(dst[:wide], src, t.fromDy[p], t.fromDy[p+1], t.o0, t.o1)
			dst = dst[g.strideDy:]
		}
	}
}

// pair writes channels c0 to c1 of two pixels of src, zero beyond.
func (t *correlateTask) pair(dst []float32, src Values, p, q int32, c0, c1 int) {
	if p < 0 && q < 0 {
		clear(dst)
		return
	}
	a, b := Values{F32: t.zeros}, Values{F32: t.zeros}
	if src.BF16 != nil {
		a, b = Values{BF16: bf16s(t.zeros)}, Values{BF16: bf16s(t.zeros)}
	}
	if p >= 0 {
		a = src.From(int(p) + c0)
	}
	if q >= 0 {
		b = src.From(int(q) + c0)
	}
	n := c1 - c0
	if src.BF16 != nil {
		zip(bf16s(dst[:n]), a.BF16[:n], b.BF16)
	} else {
		roundPairs(bf16s(dst), a.F32[:n], b.F32[:n])
	}
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
		for i := t.c0; i < t.c1; i += bf16Rows {
			for o := t.o0; o < t.o1; o += pairColumns {
				product.b = ptr(t.y, o-t.o0)
				product.columns(min(pairColumns, t.o1-o))
				for v := range c.KW {
					product.a = unsafe.Add(ptr(t.x, (i-t.c0)*g.strideX), bf16Size*g.shift(&w, v))
					product.c = ptr(t.dw, ((u*c.KW+v)*c.Ci+i)*c.Co+o)
					product.run(min(bf16Rows, t.c1-i))
				}
			}
		}
	}
}

// positionList places n positions into scratch and returns what is left.
func positionList(s []float32, n int) ([]int32, []float32) {
	return unsafe.Slice((*int32)(unsafe.Pointer(&s[0])), n), s[offsetFloats(n):]
}
