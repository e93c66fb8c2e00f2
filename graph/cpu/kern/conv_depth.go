package kern

import "fmt"

// depth is a depthwise convolution under way, weights [KH,KW,1,C]: every channel has its own kernel, and the channels
// of a pixel are the lanes of a vector. A task is one row of outputs; for the gradient by w, one part of the batch.
type depth struct {
	conv                    Conv
	x, w, y                 []float32
	lists                   []float32 // offset lists, one pair per worker
	forward, data, gradient func(task, worker int)
}

var depths = pile[depth]{bind: func(d *depth) {
	d.forward, d.data, d.gradient = d.forwardRow, d.dataRow, d.weightsPart
}}

// depthLists is the scratch of one worker's offset lists.
func (c *Conv) depthLists() int { return 2 * offsetFloats(max(c.KH*c.KW, c.OW)) }

func (c *Conv) depthScratch() int { return lineFloats + Threads()*c.depthLists() }

// depthParts is how many partial sums the gradient by w has.
func (c *Conv) depthParts() int { return max(1, min(c.B, convTasks)) }

func (c *Conv) depthPartFloats() int { return roundUp(2*c.depthParts()*c.weights(), lineFloats) }

func (c *Conv) depthWeightsScratch() int { return c.depthPartFloats() + c.depthScratch() }

// depthwise runs n tasks of one kind.
func (c Conv) depthwise(x, w, y, scratch []float32, n int, kind func(d *depth) func(task, worker int)) {
	d := depths.get()
	d.conv, d.x, d.w, d.y, d.lists = c, x, w, y, scratch
	if fits(scratch, c.depthLists()) == 0 {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, c.depthLists()))
	}
	runLimited(n, fits(scratch, c.depthLists()), kind(d))
	d.x, d.w, d.y, d.lists = nil, nil, nil, nil
	depths.put(d)
}

func (c Conv) depthForward(x, w, y, scratch []float32) {
	c.depthwise(x, w, y, align(scratch), c.B*c.OH, func(d *depth) func(int, int) { return d.forward })
}

func (c Conv) depthBackwardData(dy, w, dx, scratch []float32) {
	c.depthwise(dx, w, dy, align(scratch), c.B*c.H, func(d *depth) func(int, int) { return d.data })
}

func (d *depth) forwardRow(task, worker int) {
	c := &d.conv
	b, i := task/c.OH, task%c.OH
	h, w := forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH), forwardTaps(c.OW, c.KW, c.SW, c.PW, c.DW)
	d.row(worker, &h, &w, d.y[task*c.OW*c.Co:][:c.OW*c.Co], d.x[b*c.H*c.W*c.Ci:][:c.H*c.W*c.Ci], i, c.H, c.W)
}

func (d *depth) dataRow(task, worker int) {
	c := &d.conv
	b, i := task/c.H, task%c.H
	h := backwardTaps(i%c.SH, c.H, c.KH, c.SH, c.PH, c.DH)
	for s := range min(c.SW, c.W) {
		w := backwardTaps(s, c.W, c.KW, c.SW, c.PW, c.DW)
		d.row(worker, &h, &w, d.x[task*c.W*c.Ci:][:c.W*c.Ci], d.y[b*c.OH*c.OW*c.Co:][:c.OH*c.OW*c.Co], i/c.SH, c.OH,
			c.OW)
	}
}

// offsets are a worker's two lists.
func (d *depth) offsets(worker int) (soff, woff []uintptr) {
	size := d.conv.depthLists()
	s := d.lists[worker*size : (worker+1)*size]
	soff, s = offsetList(s, max(d.conv.KH*d.conv.KW, d.conv.OW))
	woff, _ = offsetList(s, max(d.conv.KH*d.conv.KW, d.conv.OW))
	return soff, woff
}

// row computes output row i of class (h,w) from an image [height,width,C], a run of pixels that meet the same taps at a
// time.
func (d *depth) row(worker int, h, w *taps, dst, src []float32, i, height, width int) {
	c := d.conv.Co
	soff, woff := d.offsets(worker)
	l := channelSum{n: uintptr(c), soff: &soff[0], woff: &woff[0], dstStep: bytes(w.outStep * c),
		srcStep: bytes(w.step * c)}
	u0, u1 := h.inside(i, height)
	for j, end := 0, 0; j < w.count; j = end {
		v0, v1 := w.inside(j, width)
		for end = j + 1; end < w.count; end++ {
			if a, b := w.inside(end, width); a != v0 || b != v1 {
				break
			}
		}
		n := 0
		for u := u0; u < u1; u++ {
			for v := v0; v < v1; v++ {
				soff[n] = bytes(((u-u0)*h.dStep*width + (v-v0)*w.dStep) * c)
				woff[n] = bytes(((h.k+u*h.kStep)*d.conv.KW + w.k + v*w.kStep) * c)
				n++
			}
		}
		l.terms, l.pixels = uintptr(n), uintptr(end-j)
		l.dst, l.src, l.w = ptr(dst, (w.outFirst+j*w.outStep)*c), ptr(d.w, 0), ptr(d.w, 0)
		if n > 0 {
			l.src = ptr(src, ((i*h.step+h.d+u0*h.dStep)*width+j*w.step+w.d+v0*w.dStep)*c)
		}
		l.run()
	}
}

func (c Conv) depthBackwardWeights(x, dy, dw, scratch []float32) {
	scratch = align(scratch)
	size := c.depthPartFloats()
	if len(scratch) < size+c.depthLists() {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, size+c.depthLists()))
	}
	parts := scratch[:size]
	c.depthwise(x, parts, dy, scratch[size:], c.depthParts(), func(d *depth) func(int, int) { return d.gradient })
	n := c.weights()
	copy(dw[:n], parts[:n])
	for i := 1; i < c.depthParts(); i++ {
		addTo(dw[:n], parts[2*i*n:(2*i+1)*n])
	}
}

// weightsPart sums the images of a part; d.w holds the sums. An image's sums are short, so that adding them keeps
// precision.
func (d *depth) weightsPart(task, worker int) {
	c := &d.conv
	n, size := c.Co, c.weights()
	part, image := d.w[2*task*size:][:size], d.w[(2*task+1)*size:][:size]
	clear(part)
	h, w := forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH), forwardTaps(c.OW, c.KW, c.SW, c.PW, c.DW)
	soff, woff := d.offsets(worker)
	for j := range c.OW {
		soff[j], woff[j] = bytes(j*c.SW*n), bytes(j*n)
	}
	l := channelSum{n: uintptr(n), soff: &soff[0], woff: &woff[0], pixels: 1, add: 1}
	b0, b1 := cut(c.B, c.depthParts(), task)
	for b := b0; b < b1; b++ {
		clear(image)
		for u := range c.KH {
			for v := range c.KW {
				first := max(0, ceil(c.PW-v*c.DW, c.SW)) // columns whose tap v falls into x
				last := min(c.OW, (c.W-1+c.PW-v*c.DW+c.SW)/c.SW)
				if last <= first || c.W-1+c.PW < v*c.DW {
					continue
				}
				l.dst, l.terms = ptr(image, (u*c.KW+v)*n), uintptr(last-first)
				for i := range c.OH {
					row := i*h.step + h.d + u*h.dStep
					if !within(row, c.H) {
						continue
					}
					l.src = ptr(d.x, ((b*c.H+row)*c.W+first*w.step+w.d+v*w.dStep)*n)
					l.w = ptr(d.y, ((b*c.OH+i)*c.OW+first)*n)
					l.run()
				}
			}
		}
		addTo(part, image)
	}
}
